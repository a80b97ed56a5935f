#!/usr/bin/env bash
# Two transactions that commit, by either protocol, and two that cannot: everywhere or nowhere, and the client hears why.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cluster
for protocol in two_phase three_phase; do
  say "$protocol: 100 from p1 to p2"
  transfer "$protocol" 100 || die "it was not committed"
done
say "900 more than p1 has: p2 could, p1 cannot, so neither does"
code=0; transfer two_phase 900 >"$work/heard" 2>&1 || code=$?
cat "$work/heard"
[ $code -eq 1 ] || die "exit code $code, not 1"
grep -q 'CHECK constraint' "$work/heard" || die "the client did not hear why"
say "a row that must be there is not"
code=0; troth c1 submit --on p1 "UPDATE accounts SET cents = cents - 1" --on p2 "UPDATE accounts SET cents = cents + 1 WHERE name = 'bob'" --expect "rows = 1" \
  >"$work/heard" 2>&1 || code=$?
cat "$work/heard"
[ $code -eq 1 ] || die "exit code $code, not 1"
audit 800

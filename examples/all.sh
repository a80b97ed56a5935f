#!/usr/bin/env bash
# Runs every demo. Each narrates, audits itself and exits non-zero on a surprise.
set -euo pipefail
cd "$(dirname "$0")"
for demo in commit-and-abort coordinator-killed-two-phase coordinator-killed-three-phase member-that-had-not-voted participant-killed partition resolve secure node; do
  printf '\n==== %s\n' "$demo"
  code=0; bash "$demo.sh" || code=$?
  [ $code -eq 0 ] || [ $code -eq 77 ] || exit $code  # 77: skipped, and it said why
done
printf '\nall demos held\n'

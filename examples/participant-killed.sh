#!/usr/bin/env bash
# A participant dies after its yes. Under both protocols the others go on, and it finds its place when it returns.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cluster
left=1000
for protocol in two_phase three_phase; do
  say "$protocol: p1 is killed right after its vote has left"
  crash p1; start p1 "participant.vote.sent=kill"
  transfer "$protocol" 10 2s >/dev/null 2>&1 && told=committed || told=unknown
  gone p1
  start p1
  within 20 "p1 is free" free p1; within 20 "p2 is free" free p2
  # Its vote may or may not have arrived: both files must agree either way.
  sleep 0.3
  now=$(cents p1)
  [ "$told" = unknown ] || [ "$now" = $((left - 10)) ] || die "told committed, and p1 holds $now"
  left=$now
  audit "$left"
done

#!/usr/bin/env bash
# Two-phase commit: the coordinator dies while one participant has not voted. That one promises never to, and both are free at once.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cluster "coordinator.prepare.sent_one=sleep:5000"
say "p1 votes yes; p2 was not even asked when the coordinator dies"
transfer two_phase 100 1s >/dev/null 2>&1 & client=$!
for _ in $(seq 200); do [ "$(doubt p1)" = 1 ] && break; sleep 0.02; done
crash c1
wait "$client" || true
within 20 "p1 is free without c1" free p1
say "p1 asked p2, which had forced REFUSED before it answered"
start c1
audit 1000

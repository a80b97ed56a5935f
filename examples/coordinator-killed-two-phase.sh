#!/usr/bin/env bash
# Two-phase commit: the coordinator dies after every participant has voted yes. They must wait for it, and say so.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cluster "coordinator.votes.all_in=kill"
say "a transfer of 100; kill -9 of the coordinator between the last yes and its COMMIT record"
transfer two_phase 100 1s >/dev/null 2>&1 && die "the client was told COMMITTED"
gone c1
within 10 "p1 says why" says p1 "all members prepared, coordinator c1 down"
why p1 | sed 's/^/   /'
[ "$(doubt p1) $(doubt p2)" = "1 1" ] || die "a participant decided alone"
say "only the coordinator can know. It returns, finds no COMMIT, and aborts"
start c1
audit 1000

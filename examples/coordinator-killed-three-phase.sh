#!/usr/bin/env bash
# Three-phase commit: the coordinator dies, the participants are a majority (2 of 3) and finish without it, both ways.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cluster "coordinator.votes.all_in=kill"
say "killed before PRECOMMIT: nobody can have committed, the participants abort"
transfer three_phase 100 1s >/dev/null 2>&1 && die "the client was told COMMITTED"
gone c1
within 20 "p1 is free without c1" free p1; within 20 "p2 is free without c1" free p2
holds p1 1000 || die "p1 changed"
start c1 "coordinator.precommit.majority=kill"
say "killed when a majority holds PRECOMMITTED and before anybody was told: that is the commit point, so they commit"
transfer three_phase 100 1s >/dev/null 2>&1 && die "the client was told COMMITTED"
gone c1
within 20 "p1 is free without c1" free p1; within 20 "p2 is free without c1" free p2
within 10 "p1 has committed" holds p1 900
say "the coordinator returns with its old opinion and learns what was decided"
start c1
transfer three_phase 50 >/dev/null || die "the next transfer must go through"
audit 850

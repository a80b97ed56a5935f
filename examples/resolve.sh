#!/usr/bin/env bash
# The coordinator is gone for longer than anybody can wait. An operator reads what is left of it, decides by hand as it had decided,
# and is proved right when it returns.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cluster "coordinator.commit.durable=kill"
say "a transfer of 100; kill -9 of the coordinator: its COMMIT is on its disk, nobody has heard of it"
transfer two_phase 100 1s >/dev/null 2>&1 && die "the client was told COMMITTED"
gone c1
within 10 "p1 is in doubt" says p1 "coordinator c1 down"
id=$(troth p1 txn list --in-doubt -o json | sed -nE 's/.*"txn_id": *"([^"]*)".*/\1/p' | head -1)
say "what would follow from a decision by hand, and whom to ask first"
troth p1 txn resolve "$id" --commit --dry-run
say "nobody decides by accident: not without typing the end of the id"
code=0; troth p1 txn resolve "$id" --commit --reason "rehearsal" --confirm AAAAAA || code=$?
[ $code -ne 0 ] || die "it took a wrong confirmation"
[ "$(doubt p1)" = 1 ] || die "a refused decision changed something"
say "the log of c1, read where it lies, knows the decision"
"$TROTH_BIN/troth" log dump "$work/c1.log" -o jsonl | grep "$id" | grep -q '"COMMIT"' || die "no COMMIT in the log of c1"
for n in p1 p2; do
  troth $n txn resolve "$id" --commit --reason "the log of c1 says COMMIT" --confirm "${id: -6}"
  within 5 "$n is free" free $n
done
within 5 "p1 holds 900" holds p1 900; within 5 "p2 holds 1100" holds p2 1100
say "c1 returns and says what it had decided: the operator was right, and the decision by hand may be forgotten"
start c1
agreed() { troth "$1" txn show "$id" | tr '\n' ' ' | grep -qi 'heuristic.*commit'; }
for n in p1 p2; do
  within 10 "$n shows what was decided by hand" agreed $n
  until troth $n txn forget "$id" --reason "done" --confirm "${id: -6}" >/dev/null 2>&1; do sleep 0.1; done
done
audit 900

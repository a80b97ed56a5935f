#!/usr/bin/env bash
# Checks the protocol models of docs/models exhaustively with Spin, and that every planted bug is found. Needs about 1.5 GB of memory.
# Prints Spin's own counts and ends with: MODELS n STATES s ERRORS e (exit 1 on an error or a planted bug not found).
#   --quick   two-phase commit, read locks, adopted copies and their planted bugs without the largest runs
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  "") quick= ;;
  --quick) quick=1 ;;
  *) echo "usage: bash tests/models.sh [--quick]" >&2; exit 64 ;;
esac
bash tests/install-packages.sh spin gcc libc6-dev
models=$PWD/docs/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
runs=0 states=0 errors=0

# check safety|claim|liveness holds|fails model.pml -DFLAG...: generates, compiles and runs the verifier. "fails" = Spin must find an error.
check() {
  local kind=$1 expected=$2 model=$3 compile=-DSAFETY options= stored found verdict=ok
  shift 3
  case $kind in
    claim) compile=-DNOFAIR options=-a ;;
    liveness) compile=-DNFAIR=3 options="-a -f" ;;
  esac
  rm -f -- *.trail
  spin "$@" -a "$models/$model" >spin.out || { cat spin.out; exit 1; }
  gcc -O2 -w -DCOLLAPSE -DMEMLIM=8000 "$compile" -o pan pan.c
  # shellcheck disable=SC2086  # options are words
  ./pan $options -m8000000 -w24 >pan.out || { cat pan.out; exit 1; }
  stored=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out | head -1)
  found=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out)
  printf '%s %s: %s' "$model" "$*" "$(sed -n 's/^\(State-vector.*\)/\1/p' pan.out)"
  printf ', %s states stored, %s\n' "$stored" "$(sed -n 's/^pan: \(elapsed.*\)/\1/p' pan.out)"
  grep -q 'max search depth too small\|out of memory\|memory limit\|hash table is full' pan.out && verdict="incomplete search"
  if [ "$expected" = holds ]; then
    [ "$found" = 0 ] || verdict="violated: $(grep -m1 '^pan:1' pan.out)"
    [ "$verdict" = ok ] && grep -q 'Search not completed' pan.out && verdict="incomplete search"
  else
    [ "$found" != 0 ] && echo "  found: $(grep -m1 '^pan:1' pan.out)" || verdict="PLANTED BUG NOT FOUND"
  fi
  runs=$((runs + 1))
  states=$(awk -v a="$states" -v b="$stored" 'BEGIN { printf "%.0f", a + b }')
  [ "$verdict" = ok ] || { errors=$((errors + 1)); echo "  ERROR: $verdict"; }
}

two=two_phase_commit.pml three=three_phase_commit.pml locks=read_locks.pml
check safety holds $two
check liveness holds $two -DTERMINATION
check claim fails $two -DSAY_NEVER_COMMITS
for bug in UNILATERAL_ABORT VOTE_BEFORE_FORCE ACK_BEFORE_FORCE ANSWER_BEFORE_FORCE PRESUME_WHILE_DECIDING ABORT_WHILE_DECIDING MAJORITY_COMMITS; do
  check safety fails $two -DBUG_$bug
done
for bug in NO_INQUIRY NO_RESEND; do check liveness fails $two -DTERMINATION -DBUG_$bug; done
check claim fails $locks -DSAY_NEVER_BOTH
for anomaly in WRITE_SKEW FRACTURED; do
  for way in ONE_SHOT READER_WRITES INTERACTIVE; do check safety holds $locks -D$anomaly -D$way; done
  for bug in READERS_NOT_ASKED ANY_LIFE; do check safety fails $locks -D$anomaly -DBUG_$bug; done
  check safety fails $locks -D$anomaly -DREADER_WRITES -DBUG_READ_LOCKS_NOT_RECORDED
  check safety fails $locks -D$anomaly -DINTERACTIVE -DBUG_VOTE_OF_ANY_LIFE
done
check safety holds $three -DADOPTION -DBALLOTS=2
check safety fails $three -DADOPTION -DBALLOTS=2 -DBUG_ADOPTED_COPY_PROMISES
if [ -z "$quick" ]; then
  check safety holds $two -DCOOPERATIVE
  check safety fails $two -DCOOPERATIVE -DBUG_REFUSAL_NOT_FORCED
  check safety holds $three
  for claim in SAY_NEVER_COMMITS SAY_NEVER_RESCUES; do check claim fails $three -D$claim; done
  for bug in STALE_BALLOT ANY_PRECOMMIT_WINS PROMISE_NOT_FORCED MINORITY_DECIDES PRECOMMIT_BEFORE_FORCE TIMEOUT_DECIDES COORDINATOR_DECIDES_ALONE; do
    check safety fails $three -DBUG_$bug
  done
fi
echo "MODELS $runs STATES $states ERRORS $errors"
[ "$errors" -eq 0 ]

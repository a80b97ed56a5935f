#!/usr/bin/env bash
# Many clients on ten hot rows against the limit of one hot row: bash tests/hot.sh --seconds S [--clients C]
# Ends with "HOT clients c rows 10 per_second n one_row_per_second m attempts_median a attempts_max b max_over_median r"; exit 1 below half of one row's limit.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: see the first lines of $0" >&2; exit 64; }
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth-workload troth-coordinator troth-participant troth >/dev/null
TROTH_BIN=build-tests/bin exec python3 tests/isolation/drive.py hot "$@"

#!/usr/bin/env bash
# Lists, transfers and claims against real daemons that are killed meanwhile, judged by a checker of their own:
# bash tests/isolation.sh --seconds S [--clients C] [--seed N] [--no-kills]
# Ends with "ISOLATION transactions n ANOMALIES a"; exit 1 if there is an anomaly.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: see the first lines of $0" >&2; exit 64; }
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth-workload troth-coordinator troth-participant troth >/dev/null
TROTH_BIN=build-tests/bin exec python3 tests/isolation/drive.py isolation "$@"

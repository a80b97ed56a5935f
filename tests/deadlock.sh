#!/usr/bin/env bash
# The classic deadlock over two databases, on purpose: bash tests/deadlock.sh --pairs N
# Ends with "DEADLOCK pairs n finished n timeouts 0 p99_ms x"; exit 1 if one did not finish or ended by a timeout.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: see the first lines of $0" >&2; exit 64; }
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth-workload troth-coordinator troth-participant troth >/dev/null
TROTH_BIN=build-tests/bin exec python3 tests/isolation/drive.py deadlock "$@"

#!/usr/bin/env bash
# How long rows stay locked when the coordinator is killed after every participant has voted yes, and nobody starts it again.
#   bash tests/termination.sh [--runs N] [--protocol three_phase|two_phase] [--timeout-ms T]
# Without the last two: three_phase at 1000 ms (the default) and at 200 ms, two_phase at 200 ms. Prints, for each,
#   TERMINATION protocol=… timeout_ms=… p50_ms=… p99_ms=… blocked=…
# from the kill to the last lock freed. Exit 1 if a three-phase transaction stayed blocked, or files differ in the end.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null
TROTH_BIN=$PWD/build-tests/bin PYTHONDONTWRITEBYTECODE=1 exec python3 tests/integration/measure_termination.py "$@"

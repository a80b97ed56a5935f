#!/usr/bin/env bash
# Builds the simulator and runs seeds: bash tests/simulate.sh --seeds N [--first S]  |  --seed S --trace
# Ends with "SEEDS n VIOLATIONS v RATE r/s"; exit 1 if there is a violation. The same seed of the same commit is the same run.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: bash tests/simulate.sh --seeds N [--first S] | --seed S [--trace]" >&2; exit 64; }
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth-sim >/dev/null
echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
exec build-tests/bin/troth-sim "$@"

#!/usr/bin/env bash
# Runs the daemons of the previous release beside today's, in all four pairings of coordinator and participants, on the logs that the previous
# release left with branches prepared and decided: bash tests/upgrade.sh
# Prints one line a pairing and ends with UPGRADE pairings n half n lost n. Exit 1 if a transaction is half there, lost, or not possible.
#   TROTH_BIN=DIR   today's programs, with fail points (default: build-tests/bin, built first)
#   TROTH_BIN_PREVIOUS=DIR   those of the previous release (default: built once from the history into build/upgrade/)
set -euo pipefail
cd "$(dirname "$0")/.."
previous=afdbe14 # 0.1.0
if [ -z "${TROTH_BIN_PREVIOUS:-}" ]; then
  cache=$PWD/build/upgrade/$previous
  if [ ! -e "$cache/complete" ]; then
    git cat-file -e "$previous^{commit}" || { echo "the history does not hold $previous: fetch it whole, or set TROTH_BIN_PREVIOUS" >&2; exit 69; }
    bash tests/install-packages.sh
    mkdir -p "$cache/source"
    git archive "$previous" | tar -x -C "$cache/source"
    # Not optimised: its answers count here, not its speed.
    cmake -S "$cache/source" -B "$cache" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O0 -DNDEBUG" \
      -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=8 -DTROTH_FAILPOINTS=ON >/dev/null
    cmake --build "$cache" --target troth-coordinator troth-participant troth
    touch "$cache/complete"
  fi
  TROTH_BIN_PREVIOUS=$cache/bin
fi
if [ -z "${TROTH_BIN:-}" ]; then
  cmake --preset tests >/dev/null
  cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null
  TROTH_BIN=$PWD/build-tests/bin
fi
export TROTH_BIN TROTH_BIN_PREVIOUS PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 tests/integration/measure_upgrade.py "$@"

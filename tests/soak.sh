#!/usr/bin/env bash
# Full load for a while on real daemons: two-phase transfers, keyed requests, an idle interactive transaction, one dead participant.
#   bash tests/soak.sh [--minutes N]     (default 3)
# Prints the resident memory of every daemon with its slope, and the segments of its log; ends with SOAK minutes n ... GROWTH none, or what grew (exit 1).
#   TROTH_BIN=DIR   the programs (default: build/bin, built first)
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${TROTH_BIN:-}" ]; then
  bash tests/install-packages.sh
  cmake --preset release >/dev/null
  cmake --build build --target troth troth-coordinator troth-participant >/dev/null
  TROTH_BIN=$PWD/build/bin
fi
export TROTH_BIN PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 tests/integration/measure_soak.py "$@"

#!/usr/bin/env bash
# Many retained idempotency keys on real daemons: how long a replay of one of them takes, and what memory and disk they take.
#   bash tests/keys.sh [--keys N]     (default 1000000)
# Ends with KEYS n ... replay_p99_ms x BOUND held, or what was not (exit 1). 10000000 keys take about half an hour.
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
exec /usr/bin/python3 tests/integration/measure_keys.py "$@"

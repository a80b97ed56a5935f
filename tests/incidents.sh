#!/usr/bin/env bash
# Stages incidents on live daemons and shows the one command that explains each: bash tests/incidents.sh [NAME...]
# Prints a line INCIDENT name COMMAND ... FOUND cause|risk|next yes|no for each; exits non-zero if one is not explained.
#   TROTH_BIN=DIR   programs of a test build (default build-tests/bin)    --transcripts   also writes them into docs/runbooks/
set -euo pipefail
cd "$(dirname "$0")/.."
export TROTH_BIN=${TROTH_BIN:-$PWD/build-tests/bin} PYTHONDONTWRITEBYTECODE=1
[ -x "$TROTH_BIN/troth-coordinator" ] || { echo "build first: cmake --preset tests && cmake --build build-tests" >&2; exit 69; }
exec /usr/bin/python3 tests/incidents/incidents.py "$@"

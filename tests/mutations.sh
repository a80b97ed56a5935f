#!/usr/bin/env bash
# Proof of the checkers: breaks the production code on purpose, one promise at a time, and lets the simulator find it.
#   bash tests/mutations.sh [--only NAME,...]
# Prints "MUTATION name CAUGHT|MISSED invariant seed seconds" for each; exit 1 if one was missed.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
exec python3 tests/mutations/run.py "$@"

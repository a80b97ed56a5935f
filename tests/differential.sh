#!/usr/bin/env bash
# Random schemas, triggers, foreign keys and statements through the participant and through stock SQLite, killed in
# between: bash tests/differential.sh --statements N [--seed S]
# Ends with "DIFFERENTIAL statements n schemas m DIFFERENCES d DEATHS e"; exit 1 unless both are 0.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: see the first lines of $0" >&2; exit 64; }
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth-differential >/dev/null
[ -d /dev/shm ] && export TMPDIR="${TMPDIR:-/dev/shm}"  # the files are forced thousands of times
exec build-tests/tests/troth-differential "$@"

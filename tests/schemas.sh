#!/usr/bin/env bash
# The schemas and statements of known applications over two participants, with kill -9, compared with stock sqlite3:
# bash tests/schemas.sh [--rounds N] [--seed S] [--only NAME,NAME]
# Ends with "SCHEMAS n DIFFERENCES d DEATHS e"; exit 1 unless both are 0.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth troth-coordinator troth-participant sample_extension >/dev/null
export TROTH_SAMPLE_EXTENSION=$PWD/build-tests/tests/participant/libsample_extension.so TROTH_BIN=$PWD/build-tests/bin PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 tests/schemas/play.py "$@"

#!/usr/bin/env bash
# Every method of the Thrift port by every role, and by every kind of certificate that must not count: allowed or refused exactly as
# docs/reference/permissions.md says, and each refusal with its sentence. Ends with: SECURITY checks N WRONG 0
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null
TROTH_BIN=$PWD/build-tests/bin PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 tests/integration/measure_security.py

#!/usr/bin/env bash
# Client libraries against real daemons: the conformance cases (clients/conformance), and what only one language can be asked.
#   bash tests/clients.sh [--fast]       prints: CLIENT python cases n failed 0
# --fast: every fault but restarts of daemons, and a quarter of the other cases.
# TROTH_BIN names the programs (built with fail points); without it they are built.
set -euo pipefail
cd "$(dirname "$0")/.."
fast=()
case ${1:-} in
  --fast) fast=(--fast) ;;
  "") ;;
  *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
esac
bash tests/install-packages.sh python3 python3-thrift thrift-compiler python3-sqlalchemy python3-setuptools python3-wheel sqlite3
if [ -z "${TROTH_BIN:-}" ]; then
  bash tests/install-packages.sh
  cmake --preset tests >/dev/null
  cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null
  TROTH_BIN=$PWD/build-tests/bin
fi
export TROTH_BIN PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d "${TMPDIR:-/tmp}/troth-clients-XXXXXX")
trap 'rm -rf "$work"' EXIT
bash clients/python/build.sh "$work"
export PYTHONPATH=$work
status=0
for test in clients/python/tests/test_*.py; do
  [ ${#fast[@]} -eq 0 ] || [ "$test" = clients/python/tests/test_units.py ] || continue
  (cd "$work" && /usr/bin/python3 "$OLDPWD/$test" >"$work/out" 2>&1) || { echo "$test:" >&2; cat "$work/out" >&2; status=1; }
done
(cd "$work" && /usr/bin/python3 "$OLDPWD/clients/python/tests/conformance.py" "${fast[@]}") || status=1
exit $status

#!/usr/bin/env bash
# Measures troth, what else one could use for the same work, and what the machine allows, in one run; ends with one
# "RATIO name value" line a figure. Everything runs on loopback in a temporary directory and is gone at the end.
#   --quick       short windows: under 8 minutes
#   --dir DIR     where the temporary directory is made: names the disk that is measured (default $TMPDIR or /tmp)
#   --out FILE    the report as JSON (default build-bench/report.json)
#   --only WORD   only the measurements whose name contains WORD, for work on one of them
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
bash tests/install-packages.sh $(cat bench/packages.txt)
TROTH_TARGETS="troth troth-coordinator troth-participant troth-peers" bash packaging/build.sh build-bench -DTROTH_BUILD_PEERS=ON
exec python3 bench/report.py --bin build-bench/bin --out build-bench/report.json "$@"

#!/usr/bin/env bash
# Three-phase transactions on real processes, each in a network namespace (root), while the network splits and joins and nodes are killed.
#   bash tests/partitions.sh [--runs N] [--seconds S] [--seed K]
# Prints PARTITIONS runs=… transactions=… committed=… … disagreements=…. Exit 1 if two files, two logs, or a client and a file disagree.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
cmake --preset tests >/dev/null
cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null
TROTH_BIN=$PWD/build-tests/bin PYTHONDONTWRITEBYTECODE=1 exec python3 tests/integration/measure_partitions.py "$@"

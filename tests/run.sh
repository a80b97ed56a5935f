#!/usr/bin/env bash
# Installs what is needed, builds with tests and fail points, runs every test. Ends with ctest's summary.
#   --quick            the unit tests only
#   --preset NAME      tests (default), debug, asan, tsan or clang
set -euo pipefail
cd "$(dirname "$0")/.."
preset=tests
select=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) select=(-L unit) ;;
    --preset) preset=${2:?--preset needs a name}; shift ;;
    *) echo "usage: bash tests/run.sh [--quick] [--preset tests|debug|asan|tsan|clang]" >&2; exit 64 ;;
  esac
  shift
done
bash tests/install-packages.sh
cmake --preset "$preset" >/dev/null
build=build-$preset
cmake --build "$build"
exec ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "${select[@]}"

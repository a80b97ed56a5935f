#!/usr/bin/env bash
# clang-tidy (.clang-tidy, with clang's thread-safety analysis) on the C++ files that differ from main, for at most 60 seconds. Needs a build in build-tests, for Thrift's code.
#   bash tests/clang-tidy.sh [FILE...]     these files instead
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh clang-tidy-14 || { echo "CLANG-TIDY not run: clang-tidy-14 cannot be installed here"; exit 0; }
files=("$@")
if [ $# -eq 0 ]; then
  head=$(git rev-parse -q --verify HEAD 2>/dev/null) || { echo "CLANG-TIDY not run: no git history here"; exit 0; }
  base=$(git merge-base HEAD origin/main 2>/dev/null) || base=
  [ -n "$base" ] && [ "$base" != "$head" ] || base=$(git rev-parse -q --verify HEAD~1 2>/dev/null) || base=
  [ -n "$base" ] || { echo "CLANG-TIDY not run: there is no earlier commit to compare with"; exit 0; }
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cc' ':!tests/fuzz' ':!bench/peers')
fi
[ ${#files[@]} -gt 0 ] || { echo "CLANG-TIDY ok: no C++ file has changed"; exit 0; }
flags="-std=c++20 -Wthread-safety -I. -Iinclude -isystem build-tests/thrift/gen -DTROTH_FAILPOINTS=1 -DSQLITE_ENABLE_PREUPDATE_HOOK=1 -DSAMPLE_EXTENSION=\"\" -DTROTH_VERSION=\"\" \
$(pkg-config --cflags thrift sqlite3 libisal fmt spdlog cpp-httplib prometheus-cpp-core libedit)"
export flags
status=0
printf '%s\0' "${files[@]}" | timeout 60 xargs -0 -n 1 -P "$(nproc)" bash -c 'clang-tidy-14 --quiet "$0" -- $flags 2>/dev/null' || status=$?
case $status in
  0) echo "CLANG-TIDY ok: ${#files[@]} files" ;;
  124) echo "CLANG-TIDY found nothing in the files that 60 seconds were enough for, of ${#files[@]}" ;;
  *) echo "CLANG-TIDY found what stands above" >&2; exit 1 ;;
esac

#!/usr/bin/env bash
# The build that is shipped and measured: release, compiled twice. The first time the programs count which way their code goes during a
# few seconds of benchmark; the second time they are laid out by that (GCC's profile-guided optimisation).
#   bash packaging/build.sh DIR [CMAKE FLAGS...]
# TROTH_TARGETS: what to build (default: everything); TROTH_JOBS: how many compilers side by side. Unchanged sources are not trained again.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 64; }
dir=$(realpath -m "$1")
shift
jobs=${TROTH_JOBS:-$(nproc)}
read -ra targets <<<"${TROTH_TARGETS:-all}"
sources=$(find CMakeLists.txt CMakePresets.json cmake base protocol wal recovery http thrift coordinator participant cli -type f -print0 | sort -z |
  xargs -0 sha256sum | sha256sum)

# Counts every branch of what a load makes the daemons do.
train() {
  local load
  for load in "transfer --in-flight 512 --seconds 3" "transfer --clients 64 --seconds 3" "transfer --clients 1 --seconds 2" \
    "transfer --participants 4 --clients 16 --seconds 1" "transfer --clients 16 --abort-percent 30 --seconds 1" \
    "read-only --clients 16 --seconds 1" "smallbank --clients 8 --seconds 1" "recovery --in-flight 512 --seconds 1"; do
    # shellcheck disable=SC2086  # a load is several words
    "$dir/bin/troth" bench $load --local --dir "$dir" --warmup 0 >"$dir/training.log" 2>&1 || { cat "$dir/training.log" >&2; return 1; }
  done
}

if [ "$(cat "$dir/profile/sources" 2>/dev/null)" != "$sources" ]; then
  rm -rf "$dir/profile"
  echo "build 1 of 2: programs that count" >&2
  cmake --preset release -B "$dir" -DTROTH_PROFILE=record "$@" >/dev/null
  cmake --build "$dir" -j "$jobs" --target troth troth-coordinator troth-participant >/dev/null
  echo "training: about 20 s of benchmark" >&2
  train
  echo "$sources" >"$dir/profile/sources"
  echo "build 2 of 2: laid out by what was counted" >&2
fi
cmake --preset release -B "$dir" -DTROTH_PROFILE=use "$@" >/dev/null
cmake --build "$dir" -j "$jobs" --target "${targets[@]}" >/dev/null

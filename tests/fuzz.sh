#!/usr/bin/env bash
# Fuzzes every target of tests/fuzz for S seconds with libFuzzer, AddressSanitizer and UBSan, seeded from tests/fuzz/corpus.
#   bash tests/fuzz.sh --seconds S [--jobs 2] [--target NAME ...] [--minimise]
# --minimise then rewrites tests/fuzz/corpus: the fewest inputs that still reach everything found.
# Inputs that crash a target are kept and named; what was found stays in build-fuzz/found for the next time.
# Ends with: FUZZ targets t EXECUTIONS x CRASHES c (exit 1 on a crash).
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { echo "usage: bash tests/fuzz.sh --seconds S [--jobs 2] [--target NAME ...] [--minimise]" >&2; exit 64; }
seconds='' jobs=2 minimise='' targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    --target) targets+=("${2:?--target needs a name}"); shift ;;
    --minimise) minimise=1 ;;
    *) usage ;;
  esac
  shift
done
[ -n "$seconds" ] || usage
build=${TROTH_FUZZ_BUILD:-build-fuzz}
bash tests/install-packages.sh
bash tests/install-packages.sh clang libclang-rt-14-dev llvm-14
cmake --preset fuzz -B "$build" >/dev/null
cmake --build "$build" --target fuzzers
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(basename -a tests/fuzz/*_fuzz.cc | sed 's/_fuzz\.cc$//')
mkdir -p "$build/crashes" "$build/logs"
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14 UBSAN_OPTIONS=print_stacktrace=1

# run TARGET: one target for its time. An input that crashes it does not end its time: the next run goes on with another one.
run() {
  local target=$1 ends=$((SECONDS + seconds)) left status
  local found=$build/found/$target corpus=tests/fuzz/corpus/$target log=$build/logs/$target.log
  mkdir -p "$found"
  : >"$log"
  while left=$((ends - SECONDS)) && [ "$left" -gt 0 ]; do
    status=0
    "$build/fuzz/fuzz_$target" -max_total_time="$left" -timeout=60 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
      -artifact_prefix="$build/crashes/$target-" "$found" "$corpus" >>"$log" 2>&1 </dev/null || status=$?
    [ "$status" -ne 0 ] || break
    [ "$(grep -ac '^artifact_prefix=.*Test unit written to' "$log")" -lt 5 ] || break  # the same again and again
  done
  printf '%s: %s executions, %s crashes, %s edges\n' "$target" "$(executions "$log")" "$(crashes "$log" | wc -l)" \
    "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | sort -n | tail -1)"
}
executions() { sed -n 's/^stat::number_of_executed_units: *//p' "$@" | awk '{ n += $1 } END { printf "%d", n }'; }
crashes() { sed -n 's/^.*Test unit written to //p' "$@"; }

running=0
for target in "${targets[@]}"; do
  [ -x "$build/fuzz/fuzz_$target" ] || { echo "there is no target $target" >&2; exit 64; }
  [ "$running" -lt "$jobs" ] || { wait -n; running=$((running - 1)); }
  run "$target" &
  running=$((running + 1))
done
wait
logs=("${targets[@]/#/$build/logs/}")
logs=("${logs[@]/%/.log}")
if [ -n "$minimise" ]; then
  for target in "${targets[@]}"; do
    corpus=tests/fuzz/corpus/$target
    rm -rf "$build/fewest"
    mkdir -p "$build/fewest"
    "$build/fuzz/fuzz_$target" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$build/fewest" "$corpus" "$build/found/$target" >/dev/null 2>&1
    find "$corpus" -type f ! -name 'crash-*' -delete  # regressions stay
    cp "$build/fewest"/* "$corpus"
    echo "$target: $(find "$corpus" -type f | wc -l) inputs, $(du -sb "$corpus" | cut -f1) bytes"
  done
fi
mapfile -t crashed < <(crashes "${logs[@]}" | sort -u)
for path in "${crashed[@]}"; do echo "crash: $path"; done
echo "FUZZ targets ${#targets[@]} EXECUTIONS $(executions "${logs[@]}") CRASHES ${#crashed[@]}"
[ ${#crashed[@]} -eq 0 ]

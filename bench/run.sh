#!/usr/bin/env bash
# Measures troth, what else one could use for the same work, and what the machine allows, in one run; ends with one
# "RATIO name value" line a figure. Everything runs on loopback in a temporary directory and is gone at the end.
#   --quick       short windows and the plain release build: under 8 minutes
#   --trained     the build that ships, which takes ten minutes of compiling once (packaging/build.sh; default without --quick)
#   --dir DIR     where the temporary directory is made: names the disk that is measured (default $TMPDIR or /tmp)
#   --out FILE    the report as JSON (default build-bench/report.json)
#   --only WORD   only the measurements whose name contains WORD, for work on one of them
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh
bash tests/install-packages.sh $(cat bench/packages.txt)
kind=trained
words=()
for word in "$@"; do
  case $word in
    --quick) kind=release words+=("$word") ;;
    --trained) ;;
    *) words+=("$word") ;;
  esac
done
case " $* " in *" --trained "*) kind=trained ;; esac
build=build-bench-$kind
targets="troth troth-coordinator troth-participant troth-peers"
if [ $kind = trained ]; then
  TROTH_TARGETS=$targets bash packaging/build.sh "$build" -DTROTH_BUILD_PEERS=ON
else
  cmake --preset release -B "$build" -DTROTH_BUILD_PEERS=ON >/dev/null
  # shellcheck disable=SC2086  # several targets
  cmake --build "$build" --target $targets >/dev/null
fi
mkdir -p build-bench
exec python3 bench/report.py --bin "$build/bin" --build $kind --out build-bench/report.json "${words[@]}"

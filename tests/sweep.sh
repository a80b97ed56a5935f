#!/usr/bin/env bash
# Every fail point x {SIGKILL, power loss} x hit 1, 2, 3, ..., the same during recovery, and every forced write, write and reservation
# failing at its k-th call, on real daemons: bash tests/sweep.sh [--quick] [--only PATTERN] [--seconds S] [--jobs N] [--fresh] [--list]
# Ends with "SWEEP points p actions a hits h VIOLATIONS v"; exit 1 if there is a violation or a fail point that is never reached.
# State, report and the files of violations are under build/sweep; the same command goes on where it was interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in *" --help "*|*" -h "*) ;; *)
  bash tests/install-packages.sh
  cmake --preset tests >/dev/null
  cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null ;;
esac
export TROTH_BIN=$PWD/build-tests/bin PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/tests/integration
exec python3 tests/sweep/sweep.py --root "$PWD" --build "$PWD/build/sweep" "$@"

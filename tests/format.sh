#!/usr/bin/env bash
# Fails if clang-format 14 would change a C++ file, and names it.   --fix   changes it instead
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/install-packages.sh clang-format-14 || { echo "FORMAT not checked: clang-format-14 cannot be installed here"; exit 0; }
mode=(--dry-run --Werror)
case ${1:-} in
  --fix) mode=(-i) ;;
  "") ;;
  *) echo "usage: bash tests/format.sh [--fix]" >&2; exit 64 ;;
esac
sources() { find . \( -name 'build*' -o -name .git -o -name node_modules \) -prune -o \( -name '*.h' -o -name '*.cc' \) -print0; }
sources | xargs -0 -n 20 -P "$(nproc)" clang-format-14 "${mode[@]}" ||
  { echo "FORMAT wrong: bash tests/format.sh --fix" >&2; exit 1; }
echo "FORMAT ok: $(sources | tr -cd '\0' | wc -c) files"

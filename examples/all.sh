#!/usr/bin/env bash
# Runs every demo. Each narrates, audits itself and exits non-zero on a surprise.
set -euo pipefail
cd "$(dirname "$0")"
for demo in coordinator-killed-two-phase coordinator-killed-three-phase member-that-had-not-voted participant-killed partition; do
  printf '\n==== %s\n' "$demo"
  bash "$demo.sh"
done
printf '\nall demos held\n'

#!/usr/bin/env bash
# Installs the Debian packages given, or those of tests/packages.txt, that are missing. Needs root or sudo only if something is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
missing=()
wanted=("$@")
[ $# -gt 0 ] || mapfile -t wanted <"$here/packages.txt"
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

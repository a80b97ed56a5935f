#!/usr/bin/env bash
# Puts the package together in DIR: the sources here and the code that Debian's thrift-compiler makes of thrift/idl.
#   bash clients/python/build.sh DIR       afterwards: PYTHONPATH=DIR /usr/bin/python3 -c 'import troth'
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
idl=$(realpath "$here/../../thrift/idl")
mkdir -p "$1"
out=$(realpath "$1")
made=$(mktemp -d "$out/.made-XXXXXX")
trap 'rm -rf "$made"' EXIT
for service in coordinator admin; do thrift -r --gen py -out "$made" "$idl/$service.thrift"; done
rm -rf "$out/troth"
cp -r "$here/troth" "$out/troth"
find "$out/troth" -name __pycache__ -prune -exec rm -rf {} +
cp -r "$made/troth/v1" "$out/troth/v1"

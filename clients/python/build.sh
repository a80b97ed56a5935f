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
find "$made" -name '*-remote' -delete  # command lines of Thrift
cp -r "$made/troth/v1" "$out/troth/v1"
cp "$here/pyproject.toml" "$out/pyproject.toml"
# What pip would write beside an installed package, so that SQLAlchemy finds its dialect; for the Debian package and PYTHONPATH.
/usr/bin/python3 - "$out" <<'EOF'
import pathlib, sys, tomllib
out = pathlib.Path(sys.argv[1])
project = tomllib.loads((out / "pyproject.toml").read_text())["project"]
info = out / f"{project['name']}-{project['version']}.dist-info"
info.mkdir(exist_ok=True)
(info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\nSummary: {project['description']}\n"
                               f"License: {project['license']['text']}\nRequires-Python: {project['requires-python']}\n"
                               + "".join(f"Requires-Dist: {d}\n" for d in project["dependencies"]))
(info / "entry_points.txt").write_text("".join(f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
                                               for group, entries in project["entry-points"].items()))
EOF

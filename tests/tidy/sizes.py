"""No class with more than 40 methods or 20 data members, no function over 70 lines. Counts with universal-ctags."""
import collections
import pathlib
import subprocess
import sys

METHODS, MEMBERS, LINES = 40, 20, 70
FOLDERS = ["include", "access", "tls", "base", "os", "protocol", "wal", "recovery", "history", "engine", "coordinator", "participant", "thrift", "diagnosis", "json", "http", "daemon", "bench", "cli"]

root = pathlib.Path(sys.argv[1])
files = [str(p.relative_to(root)) for folder in FOLDERS for p in sorted((root / folder).rglob("*"))
         if p.suffix in (".h", ".cc") and "peers" not in p.parts]
tags = subprocess.run(
    ["ctags", "-f", "-", *(f"-DTROTH_{m}(x)=" for m in ("GUARDED_BY", "REQUIRES", "REQUIRES_SHARED", "EXCLUDES")), "--language-force=C++", "--kinds-C++=cspfm", "--fields=nKsZe", "--sort=no", "-L", "-"],
    cwd=root, input="\n".join(files), text=True, capture_output=True, check=True).stdout

methods, members, too_long = collections.Counter(), collections.Counter(), {}
for line in tags.splitlines():
    name, path, rest = line.split("\t", 2)
    fields = rest.split(';"\t', 1)[1].split("\t")
    kind, values = fields[0], dict(field.split(":", 1) for field in fields[1:] if ":" in field)
    scope = values.get("scope", "")
    owner = scope.split(":", 1)[1] if scope.startswith(("class:", "struct:")) else ""
    if kind == "function" and "end" in values:
        length = int(values["end"]) - int(values["line"]) + 1
        if length > LINES:
            too_long[f"{path}: {owner + '::' if owner else ''}{name}"] = length
    if not scope.startswith("class:") or not path.endswith(".h"):
        continue
    if kind in ("prototype", "function"):
        methods[owner] += 1
    elif kind == "member":
        members[owner] += 1

problems = [f"{owner} has {methods[owner]} methods and {members[owner]} data members (limits {METHODS} and {MEMBERS}): split it"
            for owner in sorted(set(methods) | set(members)) if methods[owner] > METHODS or members[owner] > MEMBERS]
problems += [f"{name} has {length} lines (limit {LINES}): split it" for name, length in sorted(too_long.items())]

print("\n".join(problems) or f"{len(methods)} classes and every function within the limits")
sys.exit(1 if problems else 0)

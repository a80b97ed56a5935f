"""No class with more than 40 methods or 20 data members, no function over 70 lines. Counts with universal-ctags."""
import collections
import pathlib
import subprocess
import sys

METHODS, MEMBERS, LINES = 40, 20, 70
FOLDERS = ["include", "base", "os", "protocol", "wal", "recovery", "history", "engine", "coordinator", "participant", "thrift", "diagnosis", "json", "http", "daemon", "bench", "cli"]

# What is not split yet: it may shrink, and leaves the list when it is within the limits. Never add to it, never raise a number.
CLASSES = {  # methods, data members
    "troth::participant::sqlite::SqliteResourceManager": (45, 20),
}
# Tables in the form of a function, and what is not split yet.
FUNCTIONS = {  # lines
}

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

problems = []
for owner in sorted(set(methods) | set(members)):
    allowed = CLASSES.get(owner, (METHODS, MEMBERS))
    has = (methods[owner], members[owner])
    if has[0] > max(allowed[0], METHODS) or has[1] > max(allowed[1], MEMBERS):
        problems.append(f"{owner} has {has[0]} methods and {has[1]} data members (limits {allowed[0]} and {allowed[1]}): split it")
    elif owner in CLASSES and has[0] <= METHODS and has[1] <= MEMBERS:
        problems.append(f"{owner} is within the limits: take it off the list in tests/tidy/sizes.py")
for owner in CLASSES:
    if owner not in methods and owner not in members:
        problems.append(f"{owner} does not exist: take it off the list in tests/tidy/sizes.py")
for name, length in sorted(too_long.items()):
    if length > FUNCTIONS.get(name, LINES):
        problems.append(f"{name} has {length} lines (limit {FUNCTIONS.get(name, LINES)}): split it")
for name in FUNCTIONS:
    if name not in too_long:
        problems.append(f"{name} is within the limits: take it off the list in tests/tidy/sizes.py")

print("\n".join(problems) or f"{len(methods)} classes and every function within the limits")
sys.exit(1 if problems else 0)

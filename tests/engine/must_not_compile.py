#!/usr/bin/env python3
"""must_not_compile.py FILE MACRO COMPILER ARGUMENT...: FILE compiles, and with MACRO defined every line of it that is
marked "must not compile" is an error, and no other line."""
import re
import subprocess
import sys
from pathlib import Path

file, macro, *command = sys.argv[1:]
command += ["-fsyntax-only", file]
whole = subprocess.run(command, capture_output=True, text=True)
if whole.returncode != 0:
    sys.exit(f"{file} does not compile without {macro}:\n{whole.stderr}")
broken = subprocess.run([*command, f"-D{macro}"], capture_output=True, text=True)
marked = {n for n, line in enumerate(Path(file).read_text().split("\n"), 1) if line.endswith("// must not compile")}
# A static_assert fails in a header; the line that asked for it is "required from here".
blamed = {int(n) for n in re.findall(rf"{re.escape(file)}:(\d+):\d+:\s+(?:error:|required from here)", broken.stderr)}
if broken.returncode == 0 or blamed != marked or not marked:
    sys.exit(f"lines that must not compile: {sorted(marked)}; errors at: {sorted(blamed)}\n{broken.stderr}")
print(f"{len(marked)} lines do not compile, as they should")

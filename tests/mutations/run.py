#!/usr/bin/env python3
"""Breaks the production code on purpose and lets the simulator find it.

  run.py --check                 every edit of the table still applies (in the test command)
  run.py [--only NAME,...]       builds each broken variant in build-mutations/ and runs seeds until a checker
                                 objects, at most 60 seconds each

Prints `MUTATION name CAUGHT|MISSED invariant seed seconds` for each; exit 1 if one was missed.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from table import MUTATIONS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build-mutations"
SOURCE, BUILD = WORK / "source", WORK / "build"
LIMIT = 60


def mutated(edits, whole):
    """The changed files of one variant. Raises ValueError if an old text does not stand there exactly once."""
    texts = {}
    for file, old, new in edits:
        text = texts.get(file, whole[file])
        # Two edits of one file may name the same text once each, first come first served.
        times = text.count(old)
        if times != 1 and not (times > 1 and sum(e[1] == old for e in edits) == times):
            raise ValueError(f"{file}: the text to break stands there {times} times: {old!r}")
        texts[file] = text.replace(old, new, 1)
    return texts


def check():
    bad = 0
    for name, _, _, edits in MUTATIONS:
        try:
            mutated(edits, {file: (ROOT / file).read_text() for file, _, _ in edits})
        except (ValueError, OSError) as error:
            print(f"{name}: {error}")
            bad += 1
    print(f"{len(MUTATIONS)} broken variants, {bad} no longer apply")
    return 1 if bad else 0


def prepare():
    SOURCE.mkdir(parents=True, exist_ok=True)
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    for file in filter(None, files):
        origin, copy = ROOT / file, SOURCE / file
        if not origin.is_file():
            continue
        if copy.exists() and copy.read_bytes() == origin.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(origin, copy)
    flags = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "--preset", "tests", "-S", SOURCE, "-B", BUILD, "-DCMAKE_UNITY_BUILD=OFF", *flags], cwd=SOURCE, check=True,
                   stdout=subprocess.DEVNULL)


def build():
    done = subprocess.run(["cmake", "--build", BUILD, "--target", "troth-sim", "-j", str(os.cpu_count())],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"a broken variant does not compile:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def hunt(options):
    """(invariant, seed, seconds) or None, of the first violation."""
    began = time.monotonic()
    try:
        run = subprocess.run([BUILD / "bin/troth-sim", "--seeds", "100000000", "--stop-at-first", *options.split()],
                             capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return None
    found = re.search(r"^seed (\d+): ([^:]+): (.*)", run.stdout, re.M)
    if not found:
        sys.exit(f"troth-sim says nothing useful:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return found[2], found[1], time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if check() != 0:
        return 1
    chosen = [m for m in MUTATIONS if not arguments.only or m[0] in arguments.only.split(",")]
    if not chosen:
        sys.exit(f"--only {arguments.only}: no such name; there are {', '.join(m[0] for m in MUTATIONS)}")
    prepare()
    missed = 0
    for name, promise, options, edits in chosen:
        whole = {file: (SOURCE / file).read_text() for file, _, _ in edits}
        for file, text in mutated(edits, whole).items():
            (SOURCE / file).write_text(text)
        build()
        result = hunt(options)
        for file, text in whole.items():
            (SOURCE / file).write_text(text)
        if result:
            print(f"MUTATION {name} CAUGHT {result[0].replace(' ', '-')} {result[1]} {result[2]:.1f}", flush=True)
        else:
            missed += 1
            print(f"MUTATION {name} MISSED - - {LIMIT}    ({promise})", flush=True)
    print(f"MUTATIONS {len(chosen)} CAUGHT {len(chosen) - missed} MISSED {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

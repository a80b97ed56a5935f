#!/usr/bin/env python3
"""Breaks the production code on purpose and lets the simulator find it.

  run.py --check                 every edit of the table still applies (in the test command)
  run.py [--only NAME,...] [--jobs J] [--build DIR]
                                 runs seeds on each broken variant until a checker objects, at most 60 seconds each

The simulator is built once, whole, in DIR (build-mutations). Of a broken variant only what the edits touch is compiled again, from
a copy under DIR/broken that comes before the tree in the include path, and linked in front of the libraries.
Prints `MUTATION name CAUGHT|MISSED invariant seed seconds` for each; exit 1 if one was missed.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from table import MUTATIONS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
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


def run_or_die(what, *command, **options):
    done = subprocess.run(*command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{what}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


class Builder:
    """Makes broken simulators beside a whole one."""

    def __init__(self, build, jobs):
        self.build, self.jobs = build, jobs
        # Of a unity build single files cannot be replaced.
        run_or_die("cmake", ["cmake", "--preset", "tests", "-S", ROOT, "-B", build, "-DCMAKE_UNITY_BUILD=OFF"], cwd=ROOT)
        run_or_die("the simulator does not compile", ["cmake", "--build", build, "--target", "troth-sim", "-j", str(jobs)])
        ninja = ["ninja", "-C", build, "-t"]
        commands = run_or_die("ninja", [*ninja, "commands", "bin/troth-sim"]).strip().split("\n")
        self.link = commands[-1]
        objects = {found[1] for found in (re.search(r" -o (\S+\.o)", command) for command in commands[:-1]) if found}
        self.compile = {}  # source -> command
        for entry in json.loads((build / "compile_commands.json").read_text()):
            if re.search(r" -o (\S+)", entry["command"])[1] in objects:
                self.compile[Path(entry["file"])] = entry["command"]
        self.includes = {}  # source -> files it includes
        for block in run_or_die("ninja", [*ninja, "deps"]).split("\n\n"):
            files = [Path(os.path.normpath(build / line.strip())) for line in block.split("\n")[1:]]
            if files and files[0] in self.compile:
                self.includes[files[0]] = set(files[1:])

    def make(self, name, texts):
        """Compiles what changed; returns the path of the broken simulator."""
        place = self.build / "broken" / name
        shutil.rmtree(place, ignore_errors=True)
        for file, text in texts.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text(text)
        changed = {ROOT / file for file in texts}
        sources = [source for source in self.compile if source in changed or changed & self.includes.get(source, set())]

        def compile_one(item):
            number, source = item
            relative = source.relative_to(ROOT) if source.is_relative_to(ROOT) else None
            copy = place / relative if relative and (place / relative).exists() else source
            command = self.compile[source]
            command = command[:command.rindex(" -o ")].replace(f"-I{ROOT} ", f"-I{place} -I{ROOT} ", 1)
            target = place / f"{number}.o"
            run_or_die(f"{name} does not compile", f"{command} -o {target} -c {copy}", shell=True, cwd=self.build)
            return str(target)

        with ThreadPoolExecutor(self.jobs) as pool:
            objects = list(pool.map(compile_one, enumerate(sources)))
        simulator = place / "troth-sim"
        linked = self.link
        for source in sources:  # what the link names itself would be there twice
            own = re.search(r" -o (\S+)", self.compile[source])[1]
            linked = linked.replace(f" {own} ", " ", 1)
        linked = linked.replace(" -o bin/troth-sim ", f" {' '.join(objects)} -o {simulator} ", 1)
        run_or_die(f"{name} does not link", linked, shell=True, cwd=self.build)
        return simulator


def hunt(simulator, options, jobs):
    """(invariant, seed, seconds) or None, of the first violation."""
    began = time.monotonic()
    try:
        run = subprocess.run([simulator, "--seeds", "100000000", "--stop-at-first", "--jobs", str(jobs),
                              *options.split()],
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
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--build", type=Path, default=ROOT / "build-mutations")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if check() != 0:
        return 1
    chosen = [m for m in MUTATIONS if not arguments.only or m[0] in arguments.only.split(",")]
    if not chosen:
        sys.exit(f"--only {arguments.only}: no such name; there are {', '.join(m[0] for m in MUTATIONS)}")
    builder = Builder(arguments.build.resolve(), arguments.jobs)
    missed = 0
    for name, promise, options, edits in chosen:
        texts = mutated(edits, {file: (ROOT / file).read_text() for file, _, _ in edits})
        result = hunt(builder.make(name, texts), options, arguments.jobs)
        if result:
            print(f"MUTATION {name} CAUGHT {result[0].replace(' ', '-')} {result[1]} {result[2]:.1f}", flush=True)
        else:
            missed += 1
            print(f"MUTATION {name} MISSED - - {LIMIT}    ({promise})", flush=True)
    print(f"MUTATIONS {len(chosen)} CAUGHT {len(chosen) - missed} MISSED {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

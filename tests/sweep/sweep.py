"""Runs every series of scenarios to its end: progress, state that survives an interruption, a report. See sweep.sh."""
import argparse
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import disk
import faults
import scenario

QUICK_HITS = {"kill": (1, 2), "power": (1, 2), "recovery": (1,), "error": (1, 3, 8), "device": (5, 20)}


class State:
    """What was run, and with what result; written once a second."""

    def __init__(self, path, identity, fresh):
        self.path, self.lock, self.next_save = path, threading.Lock(), 0.0
        self.content = {"identity": identity, "runs": {}}
        if not fresh and os.path.exists(path):
            with open(path) as f:
                found = json.load(f)
            if found["identity"] == identity:
                self.content = found

    def result(self, key):
        return self.content["runs"].get(key)

    def record(self, key, fired, violation, seconds, kept):
        with self.lock:
            self.content["runs"][key] = {"fired": fired, "violation": violation, "seconds": round(seconds, 2), "kept": kept}
            if time.monotonic() >= self.next_save:
                self.save()

    def save(self):
        with open(self.path + ".new", "w") as f:
            json.dump(self.content, f, indent=0)
        os.replace(self.path + ".new", self.path)
        self.next_save = time.monotonic() + 1


class Progress:
    """A line that is rewritten, on a terminal only."""

    def __init__(self, series):
        self.series, self.done, self.runs, self.fired, self.violations = series, 0, 0, 0, 0
        self.began, self.lock = time.monotonic(), threading.Lock()

    def scenario(self, fired, violation):
        with self.lock:
            self.runs += 1
            self.fired += bool(fired)
            self.violations += bool(violation)
            self.show()

    def finished(self):
        with self.lock:
            self.done += 1
            self.show()

    def show(self):
        if not sys.stderr.isatty():
            return
        width = 30
        bar = "#" * (width * self.done // max(self.series, 1))
        print(f"\r[{bar:<{width}}] {self.done}/{self.series} series, {self.runs} scenarios, {self.fired} faults, "
              f"{self.violations} violations, {time.monotonic() - self.began:.0f} s ", end="", file=sys.stderr, flush=True)

    def say(self, text):
        with self.lock:
            print(("\r\033[K" if sys.stderr.isatty() else "") + text, flush=True)
            self.show()


class Sweep:
    def __init__(self, options, series, state, scratch, binaries):
        self.options, self.series, self.state, self.scratch, self.binaries = options, series, state, scratch, binaries
        self.progress = Progress(len(series))
        self.stop = threading.Event()
        self.until = time.monotonic() + options.seconds if options.seconds else None
        self.free = collections.deque(range(1, options.jobs + 1))  # a network of loopback addresses for each job

    def out_of_time(self):
        return self.stop.is_set() or (self.until is not None and time.monotonic() >= self.until)

    def hits(self, series):
        if self.options.quick:
            return QUICK_HITS[series.phase.partition("-")[0].rstrip("1234567890")]
        return range(1, 1_000_000)

    def run_series(self, series):
        """From hit 1 on until the fault does not fire any more. True if it came to its end."""
        slot = self.free.popleft()
        try:
            for hit in self.hits(series):
                if self.out_of_time():
                    return False
                fired, violation = self.run_one(series, hit, slot)
                if not fired and not violation:
                    break
            self.progress.finished()
            return True
        finally:
            self.free.append(slot)

    def run_one(self, series, hit, slot):
        key = key_of(series, hit)
        known = self.state.result(key)
        if known is not None and not known["violation"]:
            return known["fired"], None
        began = time.monotonic()
        directory = os.path.join(self.scratch, f"{slot}-{time.monotonic_ns()}")
        network = f"127.{20 + os.getpid() % 200}.{slot}"
        fired, violation = scenario.perform(series, hit, directory, self.binaries, network)
        kept = None
        if violation:
            kept = os.path.join(self.options.build, "violations", key.replace("/", "_").replace(":", "_"))
            keep(directory, kept)
            self.progress.say(f"VIOLATION {key}\n  {violation}\n  files: {kept}\n  again: bash tests/sweep.sh --only '{key}'")
        self.state.record(key, fired, violation, time.monotonic() - began, kept)
        self.progress.scenario(fired, violation)
        return fired, violation

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            futures = {pool.submit(self.run_series, series): series for series in self.series}
            try:
                complete = [future.result() for future in concurrent.futures.as_completed(futures)]
            except KeyboardInterrupt:
                self.stop.set()
                raise
        if sys.stderr.isatty():
            print(file=sys.stderr)
        return all(complete)


def keep(directory, kept):
    shutil.rmtree(kept, ignore_errors=True)
    if os.path.exists(directory):
        shutil.copytree(directory, kept, symlinks=True, ignore=shutil.ignore_patterns("*.img", "lost+found"))
        shutil.rmtree(directory, ignore_errors=True)


def key_of(series, hit):
    return f"{series.phase}/{series.victim}/{series.what}@{hit}"


def identity_of(binaries):
    """The same daemons and the same sweep: only then is what was run still true."""
    digest = hashlib.sha256()
    here = os.path.dirname(os.path.abspath(__file__))
    for path in [*(os.path.join(binaries, name) for name in ("troth", "troth-coordinator", "troth-participant")),
                 *(os.path.join(here, name) for name in sorted(os.listdir(here)) if name.endswith(".py"))]:
        with open(path, "rb") as f:
            digest.update(f.read())
    return digest.hexdigest()[:16]


def chosen(series, pattern):
    """`pattern` is a part of a key, or a shell pattern over whole keys; a hit behind @ is cut off."""
    if not pattern:
        return series
    head = pattern.partition("@")[0]
    return [s for s in series if head in key_of(s, 1).rpartition("@")[0] or fnmatch.fnmatch(key_of(s, 1).rpartition("@")[0], head)]


def thinned(series):
    """For --quick: no blackouts, and of the six recovery sweeps of a point only one, another one for each point."""
    series = [s for s in series if s.phase != "blackout"]
    points = sorted({(s.victim, s.what) for s in series if s.phase.startswith("recovery")})
    phases = sorted({s.phase for s in series if s.phase.startswith("recovery")})
    return [s for s in series if not s.phase.startswith("recovery") or s.phase == phases[points.index((s.victim, s.what)) % len(phases)]]


def report(options, series, state, complete, power_reason, seconds):
    """Per series how often its fault fired, what was never reached, what was broken."""
    runs = state.content["runs"]
    rows, never = [], []
    for s in series:
        mine = {key: run for key, run in runs.items() if key.rpartition("@")[0] == key_of(s, 1).rpartition("@")[0]}
        fired = sum(run["fired"] for run in mine.values())
        rows.append({"series": f"{s.phase}/{s.victim}/{s.what}", "scenarios": len(mine), "fired": fired})
        if s.phase in ("kill", "power", "blackout") and mine and not fired:
            never.append(f"{s.phase}/{s.victim}/{s.what}")
    wanted = {row["series"] for row in rows}
    violations = [{"scenario": key, **run} for key, run in runs.items() if run["violation"] and key.rpartition("@")[0] in wanted]
    body = {"schema": "troth.sweep/1", "complete": complete, "quick": options.quick, "no_power_loss_because": power_reason,
            "seconds": round(seconds, 1), "scenarios": sum(r["scenarios"] for r in rows), "fired": sum(r["fired"] for r in rows),
            "never_reached": never, "violations": violations, "series": rows}
    with open(os.path.join(options.build, "report.json"), "w") as f:
        json.dump(body, f, indent=1)
    return body


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/sweep.sh", description="Every fault at every place, on real daemons. Resumes what was interrupted.")
    parser.add_argument("--quick", action="store_true", help="the first hits only, errors at sampled calls: under 10 minutes on 4 cores")
    parser.add_argument("--only", metavar="PATTERN", help="series whose name contains it or matches it: kill/c1/wal.sync.before, 'error-*'; "
                        "with @N that hit alone")
    parser.add_argument("--seconds", type=float, help="stop after so long; the next call goes on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="scenarios side by side (default: one per core)")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier call has done")
    parser.add_argument("--list", action="store_true", help="print the series and leave")
    parser.add_argument("--scratch", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp", help="where the clusters live while they run")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def prepare(options):
    """The scratch directory of this process; what a killed sweep left behind is removed."""
    os.makedirs(options.build, exist_ok=True)
    for name in os.listdir(options.scratch):
        owner = name.rpartition("-")[2]
        if name.startswith("troth-sweep-") and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            disk.unmount_below(os.path.join(options.scratch, name))
            shutil.rmtree(os.path.join(options.scratch, name), ignore_errors=True)
    scratch = os.path.join(options.scratch, f"troth-sweep-{os.getpid()}")
    os.makedirs(scratch)
    return scratch


def main(arguments):
    options = parse(arguments)
    binaries = os.environ["TROTH_BIN"]
    disk.own_mounts()
    scratch = prepare(options)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        reason = disk.why_no_power_loss(scratch)
        if reason:
            print(f"POWER LOSS SKIPPED: {reason}")
        series = chosen(faults.all_series(options.root, reason is None), options.only)
        if options.quick:
            series = thinned(series)
        if options.list:
            print("\n".join(f"{s.phase}/{s.victim}/{s.what}" for s in series))
            return 0
        if not series:
            raise SystemExit(f"no series is named like {options.only}; see --list")
        state = State(os.path.join(options.build, "state.json"), identity_of(binaries), options.fresh)
        sweep = Sweep(options, series, state, scratch, binaries)
        if options.only and "@" in options.only:
            hit = int(options.only.rpartition("@")[2])
            sweep.hits = lambda _: (hit,)
        try:
            complete = sweep.run()
        finally:
            state.save()
        body = report(options, series, state, complete, reason, time.monotonic() - sweep.progress.began)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where this one stopped")
        return 130
    finally:
        disk.unmount_below(scratch)
        shutil.rmtree(scratch, ignore_errors=True)
    return conclude(body, series, options)


def conclude(body, series, options):
    by_phase = collections.Counter()
    for row in body["series"]:
        by_phase[row["series"].partition("/")[0]] += row["fired"]
    print("faults that happened: " + ", ".join(f"{phase} {count}" for phase, count in sorted(by_phase.items())))
    for name in body["never_reached"]:
        print(f"NEVER REACHED {name}")
    if not body["complete"]:
        print("not complete: the time was up; the same command goes on")
    print(f"{body['scenarios']} scenarios in {body['seconds']} s; report: {options.build}/report.json")
    points = len({(s.victim, s.what) for s in series})
    actions = len({s.phase for s in series})
    print(f"SWEEP points {points} actions {actions} hits {body['fired']} VIOLATIONS {len(body['violations'])}")
    return 1 if body["violations"] or (body["never_reached"] and not (options.only and "@" in options.only)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

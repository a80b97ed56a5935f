"""One scenario: a fault, a restart, and the audit. Returns whether the fault happened; raises Violation if a promise was broken."""
import os
import re
import signal
import subprocess
import time

import auditor
from cluster import LIMIT, SweepCluster, Violation
from disk import FailingDisk, PowerDisk
from faults import CALLS, FIRST_CRASH
from workload import Client

CLIENTS, LENGTH = 2, 16  # every kind of transaction, in both protocols, twice side by side: a full sweep must come to an end
LONG = 36  # until the coordinator, who writes the least, frees the first segment of its log
CALL = re.compile(r"^(\d+) +(\w+)\((?:\d+<([^>]*)>|\"([^\"]*)\")?")
ENDED = re.compile(r"\) += ")  # padded after "resumed>"
FORCES = ("fsync", "fdatasync")
OWN_LOGS = (".log", "-wal")  # nothing is undone there; a database and its -journal are, by SQLite, once: when the agent adopts it


FILE_FORCED = 1.3  # seconds: an agent forces its file one second after a flush, and only then frees its log


def after(seconds):
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


class Scenario:
    def __init__(self, cluster, victim, what=""):
        self.cluster, self.victim = cluster, cluster.by_name[victim]
        self.length = LONG if victim == "c1" and what.startswith("wal.gc.") else LENGTH
        self.disk = cluster.disks[victim]
        self.clients = []

    def start(self, failpoints=""):
        """None when all run, else the code with which the victim left. The coordinator is told where participants are, so it comes last."""
        if self.victim is self.cluster.coordinator:
            self.start_others()
        left = self.victim.try_start(failpoints)
        if left is None:
            self.start_others()
        return left

    def start_others(self):
        for daemon in self.cluster.daemons():
            if daemon is not self.victim and not daemon.running():
                daemon.start()

    def load(self, first=0):
        more = [Client(i, self.length, self.cluster) for i in range(first, first + CLIENTS)]
        self.clients += more
        for client in more:
            client.start()

    def while_alive(self, condition):
        """Waits for `condition`; False if the victim is dead first."""
        deadline = time.monotonic() + LIMIT * 2
        while not condition():
            self.cluster.deaths(expected=(self.victim.name,))
            if not self.victim.running():
                return False
            if time.monotonic() > deadline:
                raise Violation("the clients do not come to an end")
            time.sleep(0.002)
        return True

    def clients_done(self):
        return not any(c.is_alive() for c in self.clients)

    def finish_clients(self):
        for client in self.clients:
            client.join(LIMIT * 2)
            if client.is_alive():
                raise Violation("a client hangs")
            if client.failure:
                raise Violation(f"a client failed: {client.failure!r}")
            if client.odd:
                raise Violation("; ".join(client.odd[:3]))

    def stop_clients(self):
        for client in self.clients:
            client.stop()
        self.finish_clients()

    def survives(self):
        """Runs what is armed to its end: load, rest, SIGTERM. True if the victim got through all of it."""
        if not self.while_alive(self.clients_done) or not self.cluster.settle(victim=self.victim):
            return False
        if self.victim is not self.cluster.coordinator and not self.while_alive(after(FILE_FORCED)):
            return False
        self.victim.process.send_signal(signal.SIGTERM)
        code = self.victim.process.wait(LIMIT)
        if code == 0:
            self.victim.wait()
        return code == 0

    def bury(self, code=None, power=True):
        """Reaps the dead victim, and takes the power of all that can lose it. Its log must be readable before anybody repairs it."""
        if code is None:
            code = self.victim.wait(LIMIT)
        for daemon in self.cluster.daemons():
            if power and isinstance(self.cluster.disks[daemon.name], PowerDisk) and daemon.running():
                daemon.kill()  # a blackout takes everybody
        for disk in self.cluster.disks.values():
            if power and isinstance(disk, PowerDisk):
                disk.lose_power()
        if code != -signal.SIGKILL:
            raise Violation(f"{self.victim.name} left with {code}: {self.victim.log_tail()}")
        auditor.verify_log(self.cluster, self.victim)

    def transactions(self):
        return [t for client in self.clients for t in client.transactions]

    def audit(self):
        self.finish_clients()
        auditor.audit(self.cluster, self.transactions())


def crash(cluster, victim, point, hit):
    """SIGKILL or power loss at the hit-th time the point is reached."""
    s = Scenario(cluster, victim, point)
    left = s.start(f"{point}=kill@{hit}")
    survived = False
    if left is None:
        s.load()
        survived = s.survives()
    if not survived:
        s.bury(left)
    s.victim.start()
    s.start_others()
    if not s.clients:
        s.load()
    s.audit()
    return not survived


def recovery(cluster, victim, point, hit, number):
    """The victim dies under load, and again at the hit-th time the point is reached during its next life, which only recovers."""
    s = Scenario(cluster, victim)
    if s.start(FIRST_CRASH[victim][number]) is not None:
        raise Violation("the first crash came before the load")
    s.load()
    if s.while_alive(s.clients_done):
        raise AssertionError(f"{FIRST_CRASH[victim][number]} is never reached: choose a smaller hit")
    # What a SIGKILL leaves unforced in the cache is there for the recovery to read, and for the second crash to take away.
    s.bury(power=number == 2)
    s.stop_clients()
    left = s.victim.try_start(f"{point}=kill@{hit}")
    survived = left is None and s.survives()
    if not survived:
        s.bury(left)
    s.victim.start()
    s.audit()
    return not survived


def error(cluster, victim, what, k, when):
    """The k-th such call of a thread fails: from the start on, or from the moment the daemon is ready."""
    calls, code = what.split(":")
    trace = os.path.join(cluster.dir, "strace.out")
    options = ["-f", "-y", "-q", "-o", trace, "-e", f"trace={calls},fsync,fdatasync,pwrite64", "-e", f"inject={calls}:error={code}:when={k}"]
    s = Scenario(cluster, victim)
    if when == "start":
        s.victim.wrap = ("strace", "-D", *options)
    left = s.start()
    tracer = None
    if left is None:
        if when == "run":
            tracer = attach(s.victim.process.pid, options)
        s.load()
        if s.while_alive(s.clients_done) and cluster.settle(victim=s.victim):
            s.victim.process.send_signal(signal.SIGTERM)
        left = s.victim.wait(LIMIT)
    if tracer is not None:
        tracer.wait(LIMIT)
    fired = check_error(calls_of(trace), left, (calls, code), s.victim)
    s.victim.wrap = ()
    s.victim.start()
    s.start_others()
    if not s.clients:
        s.load()
    s.audit()
    return fired


def attach(pid, options):
    tracer = subprocess.Popen(["strace", *options, "-p", str(pid)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + LIMIT
    tasks = f"/proc/{pid}/task"
    while not all(traced(f"{tasks}/{task}/status") for task in os.listdir(tasks)):
        if tracer.poll() is not None or time.monotonic() > deadline:
            raise OSError("strace cannot attach")
        time.sleep(0.002)
    return tracer


def traced(status):
    try:
        with open(status) as f:
            return "TracerPid:\t0\n" not in f.read()
    except FileNotFoundError:
        return True


def calls_of(trace):
    """[(call, path, injected, succeeded)] in the order of their ends, once strace has written the last of them."""
    deadline = time.monotonic() + LIMIT
    while True:
        with open(trace, errors="replace") as f:
            lines = f.read().splitlines()
        started = {line.split()[0] for line in lines}
        ended = {line.split()[0] for line in lines if "+++ " in line}
        if started and started == ended:
            break
        if time.monotonic() > deadline:
            raise OSError(f"strace does not finish {trace}: {started - ended}")
        time.sleep(0.005)
    return ended_calls(lines)


def ended_calls(lines):
    out, pending, failed = [], {}, {}
    for number, line in enumerate(lines):
        thread = line.split()[0]
        call = CALL.match(line)
        if call:
            pending[thread] = (number, call[2], call[3] or call[4])
        if "<unfinished" in line or not ENDED.search(line) or thread not in pending:
            continue
        began, name, path = pending.pop(thread)
        injected = "(INJECTED)" in line
        if injected:
            failed.setdefault(path, number)
        elif began < failed.get(path, 0):
            continue  # was under way on another thread when the other one failed
        succeeded = not injected and not line.rpartition(" = ")[2].startswith("-")
        out.append((name, path, injected, succeeded))
    return out


def check_error(calls, left, fault, victim):
    """After a failed force the process must leave, and must not touch that file again. Returns whether anything failed."""
    failed = {}
    for call, path, injected, succeeded in calls:
        if injected:
            failed.setdefault(path, call)
        elif succeeded and failed.get(path) in FORCES and path.endswith(OWN_LOGS):
            raise Violation(f"{victim.name} goes on with {call} of {path} after a failed {failed[path]}")
    if not failed:
        if left != 0:
            raise Violation(f"{victim.name} left with {left} though nothing failed: {victim.log_tail()}")
        return False
    allowed = next((74,) if must_stop else (0, 74) for names, code, must_stop in CALLS if (names, code) == fault)
    if fault[1] == "ENOSPC" and all(path.endswith("/spare.tmp") for path in failed):
        allowed = (0, 74)  # a reserve that holds nothing yet and is removed again: the log is short of space, not in doubt
    if left not in allowed:
        raise Violation(f"{victim.name} left with {left} after a failed {failed}, allowed is {allowed}: {victim.log_tail()}")
    return True


def device(cluster, victim, what, answers):
    """From the given number of answers on the device below the log, or below the database, refuses blocks: a force fails, the kernel
    drops what it could not write but still shows it to readers. The victim leaves, starts again on a device that works, and later
    loses power: whatever it relied on after its start must be there."""
    s = Scenario(cluster, victim)
    disk = next(d for d in cluster.disks.values() if isinstance(d, FailingDisk))
    s.start()
    s.load()
    if s.while_alive(lambda: s.clients_done() or sum(c.answered for c in s.clients) >= answers) and s.clients_done():
        return False
    disk.refuse()
    if s.while_alive(s.clients_done):
        s.while_alive(after(FILE_FORCED))
    disk.accept()
    # What began to travel while blocks were refused is told by the force that comes next.
    s.while_alive(after(FILE_FORCED))
    left = None if s.victim.running() else s.victim.wait(LIMIT)
    if left not in (None, 74):
        raise Violation(f"{victim} left with {left} when its device refused blocks: {s.victim.log_tail()}")
    if left is not None:
        s.victim.start()
    s.finish_clients()
    s.load(CLIENTS)
    s.finish_clients()
    cluster.settle()
    s.while_alive(after(FILE_FORCED))
    s.victim.kill()
    disk.lose_power()
    auditor.verify_log(cluster, s.victim)
    s.victim.start()
    s.audit()
    return left is not None


def disks_of(phase, victim, what):
    if phase == "device":
        return {victim if what == "log" else victim + ".db": FailingDisk}
    if phase == "blackout":
        return dict.fromkeys((*SweepCluster.NAMES, "c1"), PowerDisk)
    return {victim: PowerDisk} if phase.endswith("power") else {}


def perform(series, hit, directory, binaries, network):
    """Runs one scenario in `directory`, which must not exist. Returns (fired, violation or None); removes the directory if all is well."""
    phase, victim, what = series
    cluster = None
    try:
        # A refused block below the log shall be one of a batch, not always that of a new segment.
        segment = "512KiB" if (phase, what) == ("device", "log") else "64KiB"
        cluster = SweepCluster(directory, binaries, network, disks_of(phase, victim, what), segment)
        if phase in ("kill", "power"):
            fired = crash(cluster, victim, what, hit)
        elif phase == "blackout":
            fired = crash(cluster, victim, what, hit)
        elif phase == "device":
            fired = device(cluster, victim, what, hit)
        elif phase.startswith("recovery"):
            fired = recovery(cluster, victim, what, hit, int(phase[8]) - 1)
        else:
            fired = error(cluster, victim, what, hit, phase.partition("-")[2])
        cluster.close()
        cluster.remove()
        return fired, None
    except (Violation, AssertionError, OSError, subprocess.SubprocessError) as failure:
        return True, f"{type(failure).__name__}: {failure}"
    finally:
        if cluster is not None:
            cluster.close()

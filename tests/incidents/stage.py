"""The stage of an incident: real daemons, a small disk if it needs one, what they measured before and while it lasted."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
from alerts import firing, scrape  # noqa: E402
from harness import BIN, Cluster, Daemon  # noqa: E402,F401
from screens import Screens  # noqa: E402

HTTP = ("--http", "127.0.0.1:0")
COORDINATOR = ("--prepare-timeout", "2s", "--resend-interval", "50ms")
PARTICIPANT = ("--inquiry-interval", "50ms", "--lock-timeout", "1s")


def until(what, test, limit=20):
    deadline = time.monotonic() + limit
    while not (seen := test()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never saw: {what}")
        time.sleep(0.02)
    return seen


def troth(*words):
    reply = subprocess.run([os.path.join(BIN, "troth"), *words], capture_output=True, text=True, timeout=60)
    if "FAIL" in reply.stdout or "WARN" in reply.stdout or "retired" in reply.stdout:
        Screens.look(words)
    return "troth " + " ".join(words), reply.stdout + reply.stderr


def doctor_until(sentence, daemon, limit=20):
    """What doctor says of the daemon, once it says the sentence."""
    def said():
        found = troth("doctor", "-e", daemon.address)
        return found if sentence in found[1] else None
    return until(f"doctor says: {sentence}", said, limit)


class Stage:
    def __init__(self):
        self.cluster, self.mounts = None, []
        self.before, self.after = {}, None
        self.false_alarms = []

    def build(self, coordinator_flags=COORDINATOR, participant_flags=PARTICIPANT, **flags):
        self.cluster = Cluster(coordinator_flags=(*coordinator_flags, *HTTP), participant_flags=(*participant_flags, *HTTP), **flags)
        return self.cluster

    def start(self, **failpoints):
        """All daemons; then the healthy twin: doctor finds nothing, and no alert would fire if it stayed so."""
        self.cluster.start(**failpoints)
        return self.twin()

    def twin(self):
        c = self.cluster
        deadline = time.monotonic() + 15
        while (said := c.cli("doctor")).returncode != 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        if said.returncode != 0:
            self.false_alarms.append(said.stdout)
        self.before = self.measured()
        self.false_alarms += firing({}, self.before) or []
        return c

    def measured(self):
        texts = {d.name: scrape(d.http) for d in self.cluster.daemons() if d.running() and d.http}
        return {name: text for name, text in texts.items() if text}

    def record(self):
        """What is measured while the incident lasts; by default, at its end."""
        self.after = self.measured()

    def fired(self):
        if self.after is None:
            self.record()
        return firing(self.before, self.after)

    def small_disk(self, path, size):
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
        self.mounts.append(path)

    def close(self):
        if self.cluster is None:
            return
        for daemon in self.cluster.daemons():
            if daemon.running():
                daemon.process.send_signal(signal.SIGCONT)
                daemon.kill()
        for path in self.mounts:
            subprocess.run(["umount", "-l", path], check=True)
        shutil.rmtree(self.cluster.dir)

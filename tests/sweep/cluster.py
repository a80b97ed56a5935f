"""A coordinator and three participants, each on a disk of its own, with limits so small that everything happens soon."""
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import time

from disk import PlainDisk
from harness import Cluster, Daemon
from workload import ROWS, START

COORDINATOR = ("--prepare-timeout", "1s", "--resend-interval", "20ms", "--grace", "5s", "--key-retention", "10m", "--suspicion-timeout", "200ms")
PARTICIPANT = ("--inquiry-interval", "20ms", "--lock-timeout", "500ms", "--database-wal-bytes", "64KiB", "--grace", "5s",
               "--suspicion-timeout", "200ms")
LIMIT = 200 if os.environ.get("TROTH_SANITIZE") else 40  # seconds until something is called stuck


class Violation(Exception):
    """A promise was broken."""


class SweepDaemon(Daemon):
    """A daemon that may die at any time, and may run under strace."""

    wrap = ()
    host = "127.0.0.1"

    def launch(self, failpoints=""):
        # Should the sweep itself be killed, nothing of it stays behind.
        command = ["setpriv", "--pdeathsig", "KILL", *self.wrap, os.path.join(self.cluster.bin, self.program), "--data-dir", self.data,
                   "--listen", self.address or self.host + ":0", *self.arguments()]
        self.errors = open(os.path.join(self.cluster.dir, self.name + ".err"), "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=dict(os.environ, TROTH_FAILPOINTS=failpoints))

    def try_start(self, failpoints=""):
        """None when it is ready, else the code with which it left before that."""
        self.launch(failpoints)
        ready, _, _ = select.select([self.process.stdout], [], [], LIMIT)
        line = self.process.stdout.readline() if ready else b""
        if line:
            self.address = json.loads(line)["thrift"]
            return None
        if not ready:
            raise Violation(f"{self.name} neither became ready nor left within {LIMIT} s: {self.log_tail()}")
        return self.wait(LIMIT)

    def start(self, failpoints=""):
        code = self.try_start(failpoints)
        if code is not None:
            raise Violation(f"{self.name} did not start but left with {code}: {self.log_tail()}")


class SweepCluster(Cluster):
    SCHEMA = (f"CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0));"
              f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {ROWS}) INSERT INTO a SELECT i, {START} FROM n;"
              "CREATE TABLE did(gid TEXT PRIMARY KEY NOT NULL, pad TEXT);"
              "CREATE TABLE counter(client INTEGER PRIMARY KEY, n INT NOT NULL);"
              "INSERT INTO counter SELECT value, 0 FROM json_each('[0, 1, 2, 3, 4, 5]');")
    NAMES = ("p1", "p2", "p3")

    def __init__(self, directory, binaries, network="127.0.0", disks=None, segment="64KiB"):
        """`disks` names the kind of disk of a machine, or of its database alone (p1.db); the others are plain directories. Every daemon has a loopback
        address of its own, so that its port is still free when it comes back."""
        self.dir, self.bin, self.network, self.segment = directory, binaries, network, segment
        os.makedirs(directory)
        self.disks = {}
        try:
            for name in dict.fromkeys((*self.NAMES, "c1", *(disks or {}))):
                self.disks[name] = (disks or {}).get(name, PlainDisk)(os.path.join(directory, name))
            self.make_daemons()
        except BaseException:
            self.close()
            raise

    def make_daemons(self):
        self.participants = {}
        for name in self.NAMES:
            database = sqlite3.connect(self.database(name))
            database.executescript(self.SCHEMA)
            database.close()
            flags = ["--database", self.database(name), *PARTICIPANT, "--segment-bytes", self.segment]
            self.participants[name] = SweepDaemon(self, name, "troth-participant", lambda flags=flags: flags)
        self.coordinator = SweepDaemon(self, "c1", "troth-coordinator", lambda: [
            *sum((["--participant", f"{n}={d.address}"] for n, d in self.participants.items()), []), *COORDINATOR, "--segment-bytes", self.segment])
        self.by_name = {d.name: d for d in self.daemons()}
        for i, daemon in enumerate(self.daemons(), 1):
            daemon.host = f"{self.network}.{i}"
            daemon.data = os.path.join(self.disks[daemon.name].path, "log")
            daemon.init()

    def database(self, name):
        return os.path.join(self.disks.get(name + ".db", self.disks[name]).path, "db")

    def close(self):
        for daemon in getattr(self, "by_name", {}).values():
            if daemon.running():
                daemon.kill()
        for disk in self.disks.values():
            disk.close()

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def stop_cleanly(self, what):
        for daemon in self.daemons():
            daemon.process.send_signal(signal.SIGTERM)
        for daemon in self.daemons():
            code = daemon.wait(LIMIT)
            if code != 0:
                raise Violation(f"{daemon.name}, {what}: SIGTERM ended with {code}: {daemon.log_tail()}")

    def deaths(self, expected=()):
        """Nobody dies but the one who was told to."""
        for daemon in self.daemons():
            if daemon.name not in expected and daemon.process is not None and daemon.process.poll() is not None:
                raise Violation(f"{daemon.name} left by itself with {daemon.process.poll()}: {daemon.log_tail()}")

    def settle(self, limit=LIMIT, victim=None):
        """Polls until nothing is in doubt, live or waiting anywhere. False if the victim died meanwhile."""
        deadline = time.monotonic() + limit
        while True:
            self.deaths(expected=(victim.name,) if victim else ())
            if victim is not None and not victim.running():
                return False
            busy = []
            for daemon in self.daemons():
                try:
                    state = self.status(daemon)
                except (json.JSONDecodeError, subprocess.TimeoutExpired):
                    busy.append(f"{daemon.name} gives no status")
                    break
                if state["alarms"]:
                    raise Violation(f"{daemon.name} raises alarms: {state['alarms']}")
                counters = state["counters"]
                owed = {key: counters.get(key, 0) for key in ("in_doubt", "live", "branches_live", "waiting_for_locks") if counters.get(key, 0)}
                if owed:
                    busy.append(f"{daemon.name} {owed}")
                    break
            if not busy:
                return True
            if time.monotonic() > deadline:
                raise Violation(f"not settled within {limit} s: {busy}")
            time.sleep(0.01)

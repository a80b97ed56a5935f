"""Drives real troth daemons: starts, arms fail points, kills, restarts, submits, audits."""
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

BIN = os.environ["TROTH_BIN"]


class Daemon:
    """One daemon and its data directory; keeps its port over restarts."""

    def __init__(self, cluster, name, program, arguments):
        self.cluster, self.name, self.program, self.arguments = cluster, name, program, arguments
        self.bin = BIN  # of its program: another release
        self.data = os.path.join(cluster.dir, name + ".log")
        self.address = self.http = None
        self.process = None
        self.prefix = []  # of its command: a network namespace

    def init(self):
        subprocess.run([os.path.join(self.bin, self.program), "init", "--data-dir", self.data, "--name", self.name],
                       check=True, stdout=subprocess.DEVNULL)

    def launch(self, failpoints=""):
        env = dict(os.environ, TROTH_FAILPOINTS=failpoints)
        listen = self.address or "127.0.0.1:0"
        command = [*self.prefix, os.path.join(self.bin, self.program), "--data-dir", self.data, "--listen", listen] + self.arguments()
        if not listen.startswith("127."):
            command += ["--insecure", "true"]  # a namespace of the test's own: nobody else is in that network
        self.errors = open(os.path.join(self.cluster.dir, self.name + ".err"), "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, env=env)

    def start(self, failpoints=""):
        self.launch(failpoints)
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise AssertionError(f"{self.name} did not become ready, exit {self.process.poll()}: {self.log_tail()}")
        ready = json.loads(line)
        self.address, self.http = ready["thrift"], ready["http"]
        return self

    def start_expecting_exit(self, failpoints="", timeout=20):
        self.launch(failpoints)
        return self.wait(timeout)

    def wait(self, timeout=20):
        code = self.process.wait(timeout)
        self.process.stdout.close()
        self.errors.close()
        self.process = None
        return code

    def kill(self):
        self.process.kill()
        self.wait()

    def terminate(self):
        self.process.terminate()
        return self.wait()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log_tail(self):
        with open(os.path.join(self.cluster.dir, self.name + ".err"), errors="replace") as f:
            return f.read()[-2000:]

    def dump(self):
        """The log's records, from the files alone."""
        out = subprocess.run([os.path.join(BIN, "troth"), "log", "dump", self.data, "-o", "jsonl"], capture_output=True, text=True)
        return [json.loads(line) for line in out.stdout.splitlines()]


class Cluster:
    """A coordinator c1 and participants p1..pn, each beside one stock SQLite file."""

    SCHEMA = ("CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0));"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2000) INSERT INTO a SELECT i, 1000 FROM n;"
              "CREATE TABLE did(gid TEXT PRIMARY KEY NOT NULL);")

    def __init__(self, participants=2, coordinator_flags=(), participant_flags=()):
        self.dir = tempfile.mkdtemp(prefix="troth-it-")
        self.participants = {}
        for i in range(1, participants + 1):
            name = f"p{i}"
            subprocess.run(["sqlite3", self.database(name), self.SCHEMA], check=True)
            flags = ["--database", self.database(name), *(participant_flags or ("--inquiry-interval", "50ms", "--lock-timeout", "1s"))]
            self.participants[name] = Daemon(self, name, "troth-participant", lambda flags=flags: flags)
        self.coordinator = Daemon(self, "c1", "troth-coordinator", lambda: [
            *sum((["--participant", f"{n}={d.address}"] for n, d in self.participants.items()), []),
            *(coordinator_flags or ("--prepare-timeout", "2s", "--resend-interval", "50ms"))])
        for daemon in self.daemons():
            daemon.init()

    def daemons(self):
        return [*self.participants.values(), self.coordinator]

    def start(self, **failpoints):
        for daemon in self.daemons():
            daemon.start(failpoints.get(daemon.name, ""))
        return self

    def close(self):
        for daemon in self.daemons():
            if daemon.running():
                daemon.process.send_signal(signal.SIGCONT)
                daemon.kill()
        shutil.rmtree(self.dir)

    def database(self, name):
        return os.path.join(self.dir, name + ".db")

    def cli(self, *words, timeout=40, stdin=None):
        command = [os.path.join(BIN, "troth"), "-e", self.coordinator.address, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, input=stdin)

    def cli_at(self, daemon, *words):
        return subprocess.run([os.path.join(BIN, "troth"), "-e", daemon.address, *words], capture_output=True, text=True, timeout=40)

    def status(self, daemon=None):
        daemon = daemon or self.coordinator
        return json.loads(self.cli_at(daemon, "status", "-o", "json").stdout)

    @staticmethod
    def transfer_words(gid, amount=1, row=1, names=("p1", "p2")):
        """Moves `amount` along the participants and writes gid into every file."""
        words = []
        for i, name in enumerate(names):
            change = -amount if i == 0 else amount
            words += ["--on", name, "UPDATE a SET v = v + ?1 WHERE id = ?2", "--param", f"int:{change}", "--param", f"int:{row}", "--expect", "rows = 1",
                      "--on", name, "INSERT INTO did VALUES (?1)", "--param", f"text:{gid}"]
        return words

    def transfer(self, gid, *flags, amount=1, row=1, names=("p1", "p2")):
        return self.cli("submit", *self.transfer_words(gid, amount, row, names), *flags)

    def transfer_in_background(self, gid, *flags, row=1):
        command = [os.path.join(BIN, "troth"), "-e", self.coordinator.address, "submit", *self.transfer_words(gid, row=row), *flags]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read(self, name, sql):
        db = sqlite3.connect(f"file:{self.database(name)}?mode=ro", uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def gids(self, name):
        return {row[0] for row in self.read(name, "SELECT gid FROM did")}

    def settle(self, limit=15):
        """Waits until nothing is in doubt anywhere and every applied row is in its file."""
        deadline = time.monotonic() + limit
        state = None
        while time.monotonic() < deadline:
            try:
                state = [self.status(d) for d in self.daemons()]
                busy = sum(s["in_doubt"] for s in state) + state[-1]["counters"].get("live", 0)
                if busy == 0:
                    flushed = all(self.read(n, "SELECT lsn FROM troth_applied")[0][0] >= self.last_commit(n) for n in self.participants)
                    if flushed:
                        return
            except (json.JSONDecodeError, subprocess.TimeoutExpired, sqlite3.OperationalError):
                pass
            time.sleep(0.02)
        raise AssertionError(f"not settled after {limit} s: {state}")

    def last_commit(self, name):
        commits = [r["lsn"] for r in self.participants[name].dump() if r["type"] in ("COMMITTED", "ONE_PHASE")]
        return commits[-1] if commits else 0


class Case(unittest.TestCase):
    """Every test ends with the same audit: everywhere or nowhere, sums conserved, files sound, logs agree."""

    def cluster(self, *args, **kwargs):
        cluster = Cluster(*args, **kwargs)
        self.addCleanup(cluster.close)
        return cluster

    def hang_up(self, daemon, sentence):
        """SIGHUP, and wait until its log has said the sentence once more."""
        before = daemon.log_tail().count(sentence)
        daemon.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while daemon.log_tail().count(sentence) == before:
            self.assertLess(time.monotonic(), deadline, daemon.log_tail())
            time.sleep(0.01)

    def audit(self, cluster, committed=(), aborted=(), may_alarm=()):
        cluster.settle()
        names = list(cluster.participants)
        everywhere = [cluster.gids(n) for n in names]
        for name, gids in zip(names, everywhere):
            self.assertEqual(gids, everywhere[0], f"{name} and {names[0]} differ: a transaction is in one file and not in the other")
        for gid in committed:
            self.assertIn(gid, everywhere[0], "a transaction the client was told is committed is missing")
        for gid in aborted:
            self.assertNotIn(gid, everywhere[0], "a transaction the client was told is aborted is there")
        total = sum(cluster.read(n, "SELECT sum(v) FROM a")[0][0] for n in names)
        self.assertEqual(total, 2000 * 1000 * len(names), "money was made or lost")
        for name in names:
            self.assertEqual(cluster.read(name, "PRAGMA integrity_check"), [("ok",)])
        outcomes = {}
        for daemon in cluster.participants.values():
            for record in daemon.dump():
                if record["type"] in ("COMMITTED", "ABORTED"):
                    other = outcomes.setdefault(record["txn_id"], record["type"])
                    self.assertEqual(other, record["type"], f"two logs disagree about {record['txn_id']}")
        for daemon in cluster.daemons():
            self.assertEqual([a for a in cluster.status(daemon)["alarms"] if a not in may_alarm], [])

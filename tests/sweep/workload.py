"""The clients of a sweep: what they asked for, and what they were told. The only source of truth the auditor trusts."""
import json
import subprocess
import threading
import time

from harness import BIN

ROWS = 64
START = 1000
PAD = "p" * 12000  # redo and comments of this size fill a 64 KiB segment within a few transactions, and a batch is several pages
COMMENT = "c" * 4000
CHUNK = 8


class Transaction:
    def __init__(self, gid, kind, writes, body):
        self.gid, self.kind, self.writes, self.body = gid, kind, writes, body
        self.told = set()  # what the client heard: COMMITTED, ABORTED, REFUSED; empty = nothing definite


def writing(client, row, gid, change):
    """The statements of a branch that leaves a row, a balance and a count behind."""
    return [{"sql": "UPDATE a SET v = v + ?1 WHERE id = ?2", "params": [change, row], "expect": "rows = 1"},
            {"sql": "INSERT INTO did VALUES (?1, ?2)", "params": [gid, PAD]},
            {"sql": "UPDATE counter SET n = n + 1 WHERE client = ?1", "params": [client], "expect": "rows = 1"}]


READING = [{"sql": "SELECT v FROM a WHERE id = ?1", "params": [ROWS]}]


def make(client, index, names):
    """The index-th transaction of a client: every kind comes by within eight; the last of each eight and every other one that reads or
    fails is three-phase."""
    gid = f"{client}-{index}"
    row = client % 3 * 20 + index % 20 + 1
    first, second, third = (names[(client + index + i) % len(names)] for i in range(3))
    kind = ("commit", "three", "one", "read", "abort", "mixed", "mismatch", "commit")[index % 8]
    branches = {}
    if kind in ("commit", "three", "abort", "mixed", "mismatch"):
        branches = {first: writing(client, row, gid, -1), second: writing(client, row, gid, 1)}
    if kind == "three":
        branches[third] = writing(client, row, gid, 0)
    if kind == "one":
        branches = {first: writing(client, row, gid, 0)}
    if kind == "read":
        branches = {first: READING, second: READING}
    if kind == "mixed":
        branches[third] = READING
    if kind == "abort":
        branches[third] = [{"sql": "UPDATE a SET v = -1 WHERE id = ?1", "params": [row]}]
    if kind == "mismatch":
        branches[third] = [{"sql": "UPDATE a SET v = 0 WHERE id = 100000", "expect": "rows = 1"}]
    body = {"deadline": "700ms", "comment": gid + " " + COMMENT,
            "branches": [{"on": name, "statements": statements} for name, statements in branches.items()]}
    if index % 8 == 7 or (index % 16 >= 8 and kind in ("three", "abort", "mixed")):
        body["protocol"] = "three_phase"
    if index % 2 == 0:
        body["key"] = "key-" + gid
    writes = {name for name, statements in branches.items() if statements is not READING}
    return Transaction(gid, kind, writes, body)


class Client(threading.Thread):
    """Runs its transactions one after the other through the command line; goes on when a daemon comes back."""

    def __init__(self, number, count, cluster):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.transactions = [make(number, i, list(cluster.participants)) for i in range(count)]
        self.stopping = threading.Event()
        self.process, self.lock = None, threading.Lock()  # the command line that runs, guarded by lock
        self.failure = None
        self.answered = 0
        self.odd = []  # answers that no client should get

    def run(self):
        try:
            position = 0
            while position < len(self.transactions) and not self.stopping.is_set():
                position += self.submit(self.transactions[position:position + CHUNK])
        except Exception as error:  # reported by the scenario
            self.failure = error

    def stop(self):
        """Dies in the middle of its work, as clients do."""
        with self.lock:
            self.stopping.set()
            if self.process is not None and self.process.returncode is None:
                self.process.kill()

    def hear(self, transaction, outcome):
        self.answered += 1
        if outcome in ("COMMITTED", "ABORTED", "REFUSED"):
            transaction.told.add(outcome)
        if len(transaction.told) > 1:
            self.odd.append(f"{transaction.gid} was told {sorted(transaction.told)}")

    def submit(self, chunk):
        """Returns how many of the chunk are done with."""
        text = "\n".join(json.dumps(t.body) for t in chunk)
        # Line by line, so that no answer is lost when the client is killed.
        command = ["stdbuf", "-oL", BIN + "/troth", "-e", self.cluster.coordinator.address, "submit", "-", "-o", "jsonl", "-q"]
        with self.lock:
            if self.stopping.is_set():
                return 0
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.process.stdin.write(text)
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        answers = 0
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.hear(chunk[answers], json.loads(line)["outcome"])
                answers += 1
        errors = self.process.stderr.read()
        with self.lock:
            self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()
        if answers == len(chunk):
            return answers
        if "error" not in errors and not self.stopping.is_set():
            self.odd.append(f"the command line ended with {self.process.returncode} and said: {errors!r}")
        lost = chunk[answers]
        # Only a keyed request may be sent again; of another one nobody knows.
        if "key" in lost.body and not self.stopping.is_set():
            time.sleep(0.01)
            return answers
        return answers + 1

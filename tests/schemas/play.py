"""Plays the schemas of this folder over two participants, with kill -9, and compares all that can be seen with stock sqlite3."""
import argparse
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from harness import BIN, Daemon  # noqa: E402

NAMES = ("p1", "p2")
ABOUT_THE_DATA = ("SQL_ERROR", "CONSTRAINT", "FK_VIOLATION")
COMMITTED, ABORTED = 0, 1  # exit codes of troth; anything else is not known yet
CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")


class Transaction:
    def __init__(self, title):
        self.title, self.fails, self.branches = title, title.startswith("transaction, fails"), {}


class Schema:
    """One file of this folder."""

    def __init__(self, path):
        self.name = os.path.basename(path)[:-4]
        self.ddl, self.transactions, self.moments, self.extension = "", [], set(), False
        for line in open(path, encoding="utf-8"):
            if line.startswith("-- moments: "):
                self.moments = set(line[12:].split())
            elif line.startswith("-- extension: sample"):
                self.extension = True
            elif line.startswith("-- transaction"):
                self.transactions.append(Transaction(line[3:].strip()))
            elif re.match(r"[12]: ", line):
                self.transactions[-1].branches.setdefault("p" + line[0], []).append(line[3:].rstrip("\n"))
            elif not line.startswith("--") and not self.transactions:
                self.ddl += line
            elif not line.startswith("--") and line.strip():
                raise SystemExit(f"{path}: not understood: {line}")


def connect(path, **how):
    """A stock connection with what tests/participant/sample_extension.cc brings."""
    db = sqlite3.connect(path, **how)
    db.create_collation("by_length", lambda a, b: (len(a), a) > (len(b), b) or -((len(a), a) < (len(b), b)))
    db.create_function("twice", 1, lambda n: 2 * n, deterministic=True)
    return db


def plain(value):
    """As `troth -o json` shows a value."""
    return {"blob": value.hex()} if isinstance(value, bytes) else value


class Stock:
    """The same files without troth: two connections, committed together."""

    def __init__(self, paths):
        self.connections = {name: connect(path, isolation_level=None) for name, path in paths.items()}
        for db in self.connections.values():
            db.execute("PRAGMA foreign_keys=ON")

    def run(self, branches):
        """{name: [(rows, changes)]}, or the error."""
        results = {}
        try:
            for name in branches:
                self.connections[name].execute("BEGIN")
            for name, statements in branches.items():
                db = self.connections[name]
                for sql in statements:
                    rows = [[plain(v) for v in row] for row in db.execute(sql)]
                    changed = db.execute("SELECT changes()").fetchone()[0] if sql.split()[0].upper() in CHANGES else 0
                    results.setdefault(name, []).append((rows, changed))
            for name in branches:
                self.connections[name].execute("COMMIT")
            return results
        except sqlite3.Error as error:
            for db in self.connections.values():
                if db.in_transaction:
                    db.execute("ROLLBACK")
            return error

    def close(self):
        for db in self.connections.values():
            db.close()


def contents(path, moments):
    db = connect(path)
    out = {"schema": sorted(row for row in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall() if not row[2].startswith("troth_")),
           "numbers": [db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")],
           "integrity": db.execute("PRAGMA integrity_check").fetchall(), "foreign keys": sorted(map(repr, db.execute("PRAGMA foreign_key_check")))}
    for name, without_rowid in db.execute("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type <> 'view' AND name NOT LIKE 'sqlite\\_s%a' ESCAPE '\\'").fetchall():
        if name.startswith("troth_"):
            continue
        table = '"' + name.replace('"', '""') + '"'
        columns = [row[1] for row in db.execute(f"PRAGMA table_xinfo({table})")]
        asked = [f'"{c}"' for c in columns] + ([] if without_rowid or name == "sqlite_sequence" else ["rowid"])
        rows = db.execute(f"SELECT {', '.join(asked)} FROM {table}").fetchall()
        hide = [i for i, c in enumerate(columns) if c in moments]
        out[name] = sorted(repr([(type(v).__name__, "a moment" if i in hide and MOMENT.match(str(v)) else v) for i, v in enumerate(row)]) for row in rows)
    db.close()
    return out


class Cluster:
    def __init__(self, folder, files, extension):
        self.dir = folder
        short = ["--inquiry-interval", "50ms", "--lock-timeout", "2s"]
        if extension:
            short += ["--extension", os.environ["TROTH_SAMPLE_EXTENSION"]]
        self.participants = {n: Daemon(self, n, "troth-participant", lambda f=f: ["--database", f, *short]) for n, f in files.items()}
        self.coordinator = Daemon(self, "c1", "troth-coordinator", lambda: [
            *sum((["--participant", f"{n}={d.address}"] for n, d in self.participants.items()), []), "--prepare-timeout", "2s", "--resend-interval", "50ms"])
        for daemon in self.daemons():
            daemon.init()
            daemon.start()

    def daemons(self):
        return [*self.participants.values(), self.coordinator]

    def command(self, *words):
        return [os.path.join(BIN, "troth"), "-e", self.coordinator.address, *words]

    def cli(self, *words):
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60)

    def close(self):
        for daemon in self.daemons():
            if daemon.running():
                daemon.kill()


class Play:
    """One schema."""

    def __init__(self, schema, rounds, seed):
        self.schema, self.rounds, self.random = schema, rounds, random.Random(f"{schema.name} {seed}")
        self.differences, self.deaths, self.kills, self.played, self.keys = [], [], 0, 0, 0
        self.dir = tempfile.mkdtemp(prefix="troth-schemas-")
        files, stock = {}, {}
        for name in NAMES:
            files[name], stock[name] = os.path.join(self.dir, name + ".db"), os.path.join(self.dir, "stock-" + name + ".db")
            db = connect(files[name])
            db.executescript(schema.ddl)
            db.close()
            shutil.copy(files[name], stock[name])
        self.files, self.stock_files, self.stock = files, stock, Stock(stock)
        self.cluster = Cluster(self.dir, files, schema.extension)

    def differ(self, transaction, text):
        self.differences.append(f"{self.schema.name}: {transaction.title}: {text}")

    def see_deaths(self):
        for daemon in self.cluster.daemons():
            if not daemon.running():
                self.deaths.append(f"{self.schema.name}: {daemon.name} exit {daemon.process.poll()}: {daemon.log_tail()[-600:]}")
                daemon.wait()
                daemon.start()

    def submit(self, branches, may_kill):
        """(exit code, stdout, stderr, was somebody killed)"""
        self.keys += 1
        words = ["submit", "--key", f"k{self.keys}", "--deadline", "10s", "--timeout", "15s", "--wait", "applied", "-o", "json",
                 *[word for name, statements in branches.items() for sql in statements for word in ("--on", name, sql)]]
        killed = None
        process = subprocess.Popen(self.cluster.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if may_kill and self.random.random() < 0.2:
            killed = self.random.choice(self.cluster.daemons())
            time.sleep(self.random.random() * 0.04)  # anywhere in its life
            killed.kill()
            self.kills += 1
            killed.start()
        out, err = process.communicate(timeout=60)
        code, until = process.returncode, time.monotonic() + 60
        while code not in (COMMITTED, ABORTED):
            if time.monotonic() > until:
                raise SystemExit(f"{self.schema.name}: not known after 60 s: {err}")
            reply = self.cluster.cli(*words)
            code, out, err = reply.returncode, reply.stdout, reply.stderr
        return code, out, err, killed is not None

    def interactive(self, branches):
        txn = self.cluster.cli("txn", "begin").stdout.strip()
        parts = []
        for name, statements in branches.items():
            for sql in statements:
                reply = self.cluster.cli("sql", "--txn", txn, name, sql, "-o", "json")
                if reply.returncode != 0:
                    return reply.returncode, reply.stdout, reply.stderr
                parts.append((name, json.loads(reply.stdout)["results"][0]["statements"][0]))
        reply = self.cluster.cli("txn", "commit", txn, "--wait", "applied")
        if reply.returncode != COMMITTED:
            return reply.returncode, reply.stdout, reply.stderr
        results = [{"on": name, "statements": [s for n, s in parts if n == name]} for name in branches]
        return COMMITTED, json.dumps({"results": results}), ""

    def compare_answers(self, transaction, branches, expected, out):
        results = {r["on"]: r["statements"] for r in json.loads(out)["results"]}
        for name, statements in branches.items():
            for sql, (rows, changed), got in zip(statements, expected[name], results[name]):
                if sql.split()[0].upper() == "SELECT" and rows != got.get("rows", []):
                    self.differ(transaction, f"{sql}: stock {rows}, troth {got}")
                if sql.split()[0].upper() in CHANGES and (changed != got["changes"] or sorted(map(repr, rows)) != sorted(map(repr, got.get("rows", [])))):
                    self.differ(transaction, f"{sql}: stock {changed} {rows}, troth {got}")

    def play(self, transaction, n):
        branches = {name: [sql.replace("{n}", str(n)) for sql in statements] for name, statements in sorted(transaction.branches.items())}
        expected = self.stock.run(branches)
        refused = isinstance(expected, sqlite3.Error)
        if refused != transaction.fails:
            raise SystemExit(f"{self.schema.name}: {transaction.title}: stock answers {expected}")
        self.played += sum(map(len, branches.values()))
        for _ in range(20):
            killed = False
            if self.random.random() < 0.2:
                code, out, err = self.interactive(branches)
            else:
                code, out, err, killed = self.submit(branches, not refused)
            self.see_deaths()
            said = out + err
            about_the_data = any(word in said for word in ABOUT_THE_DATA)
            if code == ABORTED and refused and about_the_data:
                return
            if code == COMMITTED:
                if refused:
                    self.differ(transaction, f"stock refuses it ({expected}), troth commits")
                elif not killed:
                    self.compare_answers(transaction, branches, expected, out)
                return
            if about_the_data or "REFUSED" in said:
                return self.differ(transaction, f"troth answers {code} {said.strip()}, stock {expected if refused else 'commits'}")
            self.settle()
        self.differ(transaction, f"aborted 20 times: {said}")

    def settle(self):
        """What an aborted attempt inserted is gone everywhere: automatic ids of the next one are those of stock."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            states = [subprocess.run([os.path.join(BIN, "troth"), "-e", d.address, "status", "-o", "json"], capture_output=True, text=True, timeout=60)
                      for d in self.cluster.daemons()]
            if all(s.returncode == 0 for s in states):
                states = [json.loads(s.stdout) for s in states]
                if not any(s["in_doubt"] for s in states) and not any(s["counters"].get("branches_live", 0) + s["counters"].get("live", 0) for s in states):
                    return
            time.sleep(0.02)
        raise SystemExit(f"{self.schema.name}: an aborted attempt does not end: {states}")

    def run(self):
        try:
            for n in range(1, self.rounds + 1):
                for transaction in self.schema.transactions:
                    self.play(transaction, n)
                    if self.differences:
                        return
            for daemon in reversed(self.cluster.daemons()):
                code = daemon.terminate()
                if code != 0:
                    self.deaths.append(f"{self.schema.name}: {daemon.name} ends with {code}: {daemon.log_tail()[-600:]}")
            self.stock.close()
            for name in NAMES:
                mine, stock = contents(self.files[name], self.schema.moments), contents(self.stock_files[name], self.schema.moments)
                for part in sorted(mine.keys() | stock.keys()):
                    if mine.get(part) != stock.get(part):
                        self.differences.append(f"{self.schema.name}: {name}: {part}: stock {stock.get(part)}, troth {mine.get(part)}")
        finally:
            self.cluster.close()
            shutil.rmtree(self.dir)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--rounds", type=int, default=4)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--only", default="")
    given = words.parse_args()
    wanted = [name for name in given.only.split(",") if name]
    schemas = [Schema(os.path.join(HERE, f)) for f in sorted(os.listdir(HERE)) if f.endswith(".sql")]
    schemas = [s for s in schemas if not wanted or s.name in wanted]
    differences = deaths = 0
    for schema in schemas:
        began = time.monotonic()
        play = Play(schema, given.rounds, given.seed)
        play.run()
        differences += len(play.differences)
        deaths += len(play.deaths)
        print(f"{schema.name:18} {play.played:4} statements {play.kills:2} kills {time.monotonic() - began:5.1f} s", flush=True)
        for text in play.differences + play.deaths:
            print("  " + text, flush=True)
    print(f"SCHEMAS {len(schemas)} DIFFERENCES {differences} DEATHS {deaths}")
    sys.exit(0 if differences + deaths == 0 and schemas else 1)


main()

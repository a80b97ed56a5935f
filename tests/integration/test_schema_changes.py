"""CREATE, DROP and ALTER as transactions of their own on real daemons: beside in-doubt work, over kill -9, seen by a stock sqlite3."""
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import BIN, Case

# (fail point of p1, is the change there after the restart; None: the client may be told either)
POINTS = [
    ("participant.onephase.appended", None),
    ("participant.onephase.durable", True),
    ("sqlite.apply.begin", None),
    ("sqlite.commit.before", True),
    ("sqlite.commit.after", True),
]


class SchemaChanges(Case):
    def in_background(self, cluster, *words):
        process = subprocess.Popen([os.path.join(BIN, "troth"), "-e", cluster.coordinator.address, "submit", *words, "-o", "json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def until(self, what, condition, limit=10):
        deadline = time.monotonic() + limit
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def objects(self, cluster, name="p1"):
        return {row[0] for row in cluster.read(name, "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")} - {"a", "did", "troth_applied"}

    def test_it_waits_for_what_is_in_doubt_on_the_table_and_for_nothing_else(self):
        cluster = self.cluster(participant_flags=("--inquiry-interval", "50ms", "--lock-timeout", "30s"),
                               coordinator_flags=("--prepare-timeout", "30s", "--resend-interval", "50ms")).start()
        p1, p2 = cluster.participants.values()
        p2.process.send_signal(signal.SIGSTOP)
        transfer = cluster.transfer_in_background("t1", "--deadline", "30s")
        self.until("p1 never voted", lambda: cluster.status(p1)["in_doubt"] == 1)
        other = cluster.cli("submit", "--on", "p1", "CREATE TABLE other(id INTEGER PRIMARY KEY)", "--on", "p1", "CREATE INDEX other_id ON other(id DESC)")
        self.assertEqual(other.returncode, 0, other.stderr)
        self.assertEqual(cluster.cli("submit", "--on", "p1", "INSERT INTO other VALUES (7)").returncode, 0)
        change = self.in_background(cluster, "--on", "p1", "ALTER TABLE a ADD COLUMN note TEXT DEFAULT 'new'", "--deadline", "30s")
        self.until("the change does not wait", lambda: cluster.status(p1)["counters"].get("lock_waits", 0) > 0)
        self.assertIsNone(change.poll())
        p2.process.send_signal(signal.SIGCONT)
        self.assertEqual(transfer.wait(30), 0, transfer.stderr.read())
        self.assertEqual(change.wait(30), 0, change.stderr.read())
        rows = json.loads(cluster.cli("sql", "p1", "SELECT * FROM a WHERE id = 1", "-o", "json").stdout)["results"][0]["statements"][0]
        self.assertEqual((rows["columns"], rows["rows"]), (["id", "v", "note"], [[1, 999, "new"]]))
        for stream in (transfer.stdout, transfer.stderr, change.stdout, change.stderr):
            stream.close()
        self.audit(cluster, committed=["t1"])
        self.assertEqual(cluster.read("p1", "SELECT DISTINCT note FROM a"), [("new",)])
        self.assertEqual(self.objects(cluster), {"other", "other_id"})
        self.assertEqual(cluster.read("p1", "SELECT id FROM other"), [(7,)])

    def test_kill_9_around_its_commit_leaves_all_of_it_or_nothing(self):
        cluster = self.cluster().start()
        p1 = cluster.participants["p1"]
        expected = set()
        for i, (point, there) in enumerate(POINTS):
            with self.subTest(point=point):
                p1.terminate()
                p1.start(point + "=kill")
                names = {f"t{i}", f"i{i}", f"v{i}"}
                reply = cluster.cli("submit", "--on", "p1", f"CREATE TABLE t{i}(id INTEGER PRIMARY KEY, k)", "--on", "p1", f"CREATE INDEX i{i} ON t{i}(k)",
                                    "--on", "p1", f"CREATE VIEW v{i} AS SELECT k FROM t{i}", "--deadline", "1s", "--timeout", "3s")
                self.assertEqual(p1.wait(), -signal.SIGKILL, "the fail point was not reached")
                self.assertIn(self.objects(cluster) - expected, (set(), names), "half of it is in the file")
                p1.start()
                after = self.objects(cluster) - expected
                self.assertIn(after, (set(), names))
                if there:
                    self.assertEqual(after, names)
                if reply.returncode in (0, 1):
                    self.assertEqual(after == names, reply.returncode == 0, reply.stderr)
                expected |= after
                use = cluster.cli("submit", "--on", "p1", f"INSERT INTO t{i} VALUES (1, 'x')")
                self.assertEqual(use.returncode, 0 if after else 1, use.stderr)
        p1.terminate()
        p1.start()
        self.audit(cluster)
        self.assertEqual(self.objects(cluster), expected)

    def test_one_migration_over_two_participants_with_their_version_rows(self):
        cluster = self.cluster().start()
        migration = ["CREATE TABLE migrations(id INTEGER PRIMARY KEY)", "INSERT INTO migrations VALUES (7)", "ALTER TABLE a ADD COLUMN note TEXT DEFAULT 'new'",
                     "PRAGMA user_version = 7"]
        words = [word for name in ("p1", "p2") for sql in migration for word in ("--on", name, sql)]
        reply = cluster.cli("submit", *words)
        self.assertEqual(reply.returncode, 0, reply.stderr)
        again = cluster.cli("submit", "--on", "p1", "CREATE TABLE more(x)", "--on", "p2", "CREATE TABLE migrations(x)")
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("SQL_ERROR", again.stderr)
        for participant in cluster.participants.values():
            participant.kill()
            participant.start()
        self.audit(cluster)
        for name in ("p1", "p2"):
            self.assertEqual(self.objects(cluster, name), {"migrations"})
            self.assertEqual(cluster.read(name, "SELECT id FROM migrations"), [(7,)])
            self.assertEqual(cluster.read(name, "SELECT DISTINCT note FROM a"), [("new",)])
            self.assertEqual(cluster.read(name, "PRAGMA user_version"), [(7,)])

    def test_kill_9_around_the_votes_of_a_migration_over_two(self):
        cluster = self.cluster(coordinator_flags=("--resend-interval", "50ms")).start()
        p1 = cluster.participants["p1"]
        for i, (point, there) in enumerate((("participant.prepared.durable", None), ("participant.vote.sent", None), ("participant.commit.received", True),
                                            ("participant.committed.appended", True), ("sqlite.commit.before", True))):
            with self.subTest(point=point):
                p1.terminate()
                p1.start(point + "=kill")
                reply = self.in_background(cluster, "--on", "p1", f"CREATE TABLE t{i}(k)", "--on", "p1", f"INSERT INTO t{i} VALUES (1)",
                                           "--on", "p2", f"CREATE TABLE t{i}(k)", "--deadline", "5s", "--timeout", "8s")
                self.assertEqual(p1.wait(), -signal.SIGKILL, "the fail point was not reached")
                p1.start()
                reply.communicate(timeout=30)
                cluster.settle()
                here, elsewhere = self.objects(cluster, "p1"), self.objects(cluster, "p2")
                self.assertEqual(here, elsewhere)
                if there:
                    self.assertIn(f"t{i}", here)
                if reply.returncode in (0, 1):
                    self.assertEqual(f"t{i}" in here, reply.returncode == 0)
                use = cluster.cli("submit", "--on", "p1", f"INSERT INTO t{i} VALUES (2)")
                self.assertEqual(use.returncode, 0 if f"t{i}" in here else 1, use.stderr)
        p1.terminate()
        p1.start()
        self.audit(cluster)

    def test_a_migration_in_an_interactive_transaction(self):
        cluster = self.cluster().start()
        txn = cluster.cli("txn", "begin").stdout.strip()
        for sql in ("CREATE TABLE x(a)", "INSERT INTO x VALUES (7)", "ALTER TABLE x ADD COLUMN b DEFAULT 8", "SELECT b FROM x"):
            reply = cluster.cli("sql", "--txn", txn, "p1", sql, "-o", "json")
            self.assertEqual(reply.returncode, 0, reply.stderr)
        self.assertEqual(json.loads(reply.stdout)["results"][0]["statements"][0]["rows"], [[8]])
        reply = cluster.cli("sql", "--txn", txn, "p2", "CREATE TABLE y(a)")
        self.assertEqual(reply.returncode, 0, reply.stderr)
        self.assertEqual(self.objects(cluster), set())
        reply = cluster.cli("txn", "commit", txn)
        self.assertEqual(reply.returncode, 0, reply.stderr)
        self.audit(cluster)
        self.assertEqual(cluster.read("p1", "SELECT a, b FROM x"), [(7, 8)])
        self.assertEqual((self.objects(cluster), self.objects(cluster, "p2")), ({"x"}, {"y"}))


    def test_maintenance_beside_a_branch_in_doubt(self):
        cluster = self.cluster(participant_flags=("--inquiry-interval", "50ms", "--lock-timeout", "30s"),
                               coordinator_flags=("--prepare-timeout", "30s", "--resend-interval", "50ms")).start()
        p1, p2 = cluster.participants.values()
        # What it wants to lock is free: rows of a are named by their key, those of did by a hidden rowid too.
        self.assertEqual(cluster.cli("submit", "--on", "p1", "DELETE FROM a WHERE id > 1000 AND id < 0").returncode, 0)
        for sql in ("ANALYZE", "REINDEX", "PRAGMA optimize", "VACUUM"):
            reply = cluster.cli("sql", "p1", sql)
            self.assertEqual(reply.returncode, 0, sql + reply.stderr)
        p2.process.send_signal(signal.SIGSTOP)
        transfer = cluster.transfer_in_background("t1", "--deadline", "30s")
        self.until("p1 never voted", lambda: cluster.status(p1)["in_doubt"] == 1)
        self.assertEqual(cluster.cli("sql", "p1", "ANALYZE").returncode, 0)
        vacuum = self.in_background(cluster, "--on", "p1", "VACUUM", "--deadline", "30s")
        self.until("VACUUM does not wait", lambda: cluster.status(p1)["counters"].get("lock_waits", 0) > 0)
        p2.process.send_signal(signal.SIGCONT)
        self.assertEqual(transfer.wait(30), 0, transfer.stderr.read())
        self.assertEqual(vacuum.wait(30), 0, vacuum.stderr.read())
        for stream in (transfer.stdout, transfer.stderr, vacuum.stdout, vacuum.stderr):
            stream.close()
        p1.kill()
        p1.start()
        self.audit(cluster, committed=["t1"])


if __name__ == "__main__":
    unittest.main()

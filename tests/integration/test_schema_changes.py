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

    def test_elsewhere_it_is_refused_with_the_way_out(self):
        cluster = self.cluster().start()
        ways = [["submit", "--on", "p1", "CREATE TABLE x(a)", "--on", "p2", "SELECT 1"],
                ["sql", "--txn", cluster.cli("txn", "begin").stdout.strip(), "p1", "CREATE TABLE x(a)"]]
        for words in ways:
            with self.subTest(words=words):
                reply = cluster.cli(*words)
                self.assertEqual(reply.returncode, 1, reply.stderr)
                self.assertIn("REFUSED_DDL", reply.stderr)
                self.assertIn("transaction of", reply.stderr)
        reply = cluster.cli("submit", "--on", "p1", "CREATE TABLE x(a)", "--on", "p1", "INSERT INTO x VALUES (7)")
        self.assertEqual(reply.returncode, 0, reply.stderr)
        self.audit(cluster)
        self.assertEqual(cluster.read("p1", "SELECT a FROM x"), [(7,)])
        self.assertEqual(self.objects(cluster), {"x"})
        self.assertEqual(self.objects(cluster, "p2"), set())


if __name__ == "__main__":
    unittest.main()

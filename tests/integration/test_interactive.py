"""Interactive transactions and deadlocks on real daemons, through the command line."""
import json
import subprocess
import threading
import time
import unittest

from harness import Case


class Shell:
    """`troth shell` with somebody at the keyboard."""

    def __init__(self, case, cluster):
        import os
        command = [os.path.join(os.environ["TROTH_BIN"], "troth"), "-e", cluster.coordinator.address, "-o", "jsonl", "shell"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        case.addCleanup(self.close)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        self.tell(line)
        return json.loads(self.process.stdout.readline())

    def rows(self, line):
        return self.ask(line)["results"][0]["statements"][0]["rows"]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Interactive(Case):
    def test_a_conversation_over_two_databases(self):
        cluster = self.cluster().start()
        one = Shell(self, cluster)
        one.tell("begin")
        one.ask("p1: UPDATE a SET v = v - 5 WHERE id = 1;")
        self.assertEqual(one.rows("p1: SELECT v FROM a WHERE id = 1;"), [[995]])
        one.ask("p2: UPDATE a SET v = v + 5 WHERE id = 1;")
        one.ask("p1: INSERT INTO did VALUES ('x');")
        one.ask("p2: INSERT INTO did VALUES ('x');")
        self.assertEqual(cluster.gids("p1"), set())
        other = cluster.cli("submit", "--on", "p1", "SELECT v FROM a WHERE id = 2")
        self.assertEqual(other.returncode, 0, other.stderr)
        self.assertEqual(one.ask("commit")["outcome"], "COMMITTED")
        self.audit(cluster, committed=["x"])
        self.assertEqual(cluster.read("p2", "SELECT v FROM a WHERE id = 1"), [(1005,)])

    def test_commands_of_their_own_share_a_transaction(self):
        cluster = self.cluster().start()
        txn = cluster.cli("txn", "begin", "--idle", "20s").stdout.strip()
        self.assertEqual(cluster.cli("sql", "--txn", txn, "p1", "UPDATE a SET v = v - ?1 WHERE id = 1", "--param", "3", "--expect", "rows = 1").returncode, 0)
        self.assertIn("997", cluster.cli("sql", "--txn", txn, "p1", "SELECT v FROM a WHERE id = 1").stdout)
        self.assertIn("open", cluster.cli("txn", "list", "--active").stdout)
        self.assertEqual(cluster.cli("sql", "--txn", txn, "p2", "UPDATE a SET v = v + 3 WHERE id = 1").returncode, 0)
        self.assertEqual(cluster.cli("txn", "commit", txn).returncode, 0)
        self.assertEqual(cluster.cli("sql", "--txn", txn, "p1", "SELECT 1").returncode, 5)
        self.assertEqual(cluster.cli("txn", "rollback", txn).returncode, 5)
        undone = cluster.cli("txn", "begin").stdout.strip()
        cluster.cli("sql", "--txn", undone, "p1", "UPDATE a SET v = 0 WHERE id = 1")
        self.assertEqual(cluster.cli("txn", "rollback", undone).returncode, 0)
        self.assertIn("997", cluster.cli("sql", "p1", "SELECT v FROM a WHERE id = 1").stdout)
        self.audit(cluster)

    def test_a_script_with_an_error_in_its_transaction_changes_nothing(self):
        cluster = self.cluster().start()
        script = ("begin\np1: UPDATE a SET v = v - 500 WHERE id = 1;\np2: INSERT INTO a VALUES (1, 0);\n"
                  "p2: UPDATE a SET v = v + 500 WHERE id = 2;\ncommit\n")
        reply = cluster.cli("shell", stdin=script)
        self.assertEqual(reply.returncode, 1, reply.stderr)
        self.assertIn("UNIQUE", reply.stderr)
        good = cluster.cli("shell", stdin="BEGIN; p1: INSERT INTO did VALUES ('y');\np2: INSERT INTO did VALUES ('y'); COMMIT;\n")
        self.assertEqual(good.returncode, 0, good.stderr)
        self.audit(cluster, committed=["y"])
        self.assertEqual(cluster.read("p1", "SELECT v FROM a WHERE id = 1"), [(1000,)])
        self.assertEqual(cluster.read("p2", "SELECT v FROM a WHERE id = 2"), [(1000,)])

    def test_what_a_participant_holds_and_csv(self):
        cluster = self.cluster().start()
        reply = cluster.cli("shell", stdin=".on p1\n.tables\n.schema did\n.mode csv\nSELECT id, v, NULL AS n FROM a WHERE id = 7;\nexit\n")
        self.assertEqual(reply.returncode, 0, reply.stderr)
        self.assertIn("did", reply.stdout)
        self.assertNotIn("troth_applied", reply.stdout)
        self.assertIn("CREATE TABLE did(gid TEXT PRIMARY KEY NOT NULL);", reply.stdout)
        self.assertTrue(reply.stdout.endswith("id,v,n\n7,1000,\n"), reply.stdout)
        typed = cluster.cli("sql", "p1", "INSERT INTO did VALUES (?1)", "--param", "01234", "--wait", "applied", "--deadline", "5s")
        self.assertEqual(typed.returncode, 0, typed.stderr)
        self.assertEqual(cluster.gids("p1"), {"01234"})
        infinite = cluster.cli("sql", "p1", "SELECT 1e999, -1e999", "-o", "json")
        self.assertEqual(json.loads(infinite.stdout)["results"][0]["statements"][0]["rows"], [[{"real": "infinity"}, {"real": "-infinity"}]])

    def test_a_vanished_client_frees_its_locks(self):
        cluster = self.cluster().start()
        gone = Shell(self, cluster)
        gone.tell("begin")
        gone.ask("p1: UPDATE a SET v = v - 1 WHERE id = 1;")
        gone.process.kill()
        started = time.monotonic()
        done = cluster.cli("submit", "--on", "p1", "UPDATE a SET v = v + 0 WHERE id = 1", "--deadline", "5s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(time.monotonic() - started, 3)
        self.audit(cluster)

    def test_a_silent_client_is_ended_and_told(self):
        cluster = self.cluster().start()
        txn = cluster.cli("txn", "begin", "--idle", "300ms").stdout.strip()
        cluster.cli("sql", "--txn", txn, "p1", "UPDATE a SET v = v - 1 WHERE id = 1")
        done = cluster.cli("submit", "--on", "p1", "UPDATE a SET v = v + 0 WHERE id = 1", "--deadline", "5s")
        self.assertEqual(done.returncode, 0, done.stderr)
        late = cluster.cli("txn", "commit", txn)
        self.assertEqual(late.returncode, 1)
        self.assertIn("CLIENT_CANCELLED", late.stderr)
        self.audit(cluster)

    def test_restarts_end_what_is_open(self):
        cluster = self.cluster().start()
        one = Shell(self, cluster)
        one.tell("begin")
        one.ask("p1: UPDATE a SET v = v - 1 WHERE id = 1;")
        one.ask("p2: UPDATE a SET v = v + 1 WHERE id = 1;")
        cluster.participants["p2"].kill()
        cluster.participants["p2"].start()
        answer = one.ask("commit")
        self.assertEqual(answer["outcome"], "ABORTED", answer)
        two = Shell(self, cluster)
        two.tell("begin")
        two.ask("p1: UPDATE a SET v = v - 1 WHERE id = 1;")
        cluster.coordinator.kill()
        cluster.coordinator.start()
        done = cluster.cli("submit", "--on", "p1", "UPDATE a SET v = v + 0 WHERE id = 1", "--deadline", "5s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.audit(cluster)

    def test_one_read_over_all_databases(self):
        cluster = self.cluster().start()
        merged = cluster.cli("query", "--on", "all", "SELECT count(*) AS n, sum(v) AS v FROM a", "--merge", "SELECT sum(n), sum(v), count(*) FROM parts", "-o", "json")
        self.assertEqual(json.loads(merged.stdout)["rows"], [[4000, 4000000, 2]], merged.stderr)
        parts = cluster.cli("query", "--on", "p2,p1", "SELECT v FROM a WHERE id = ?1", "--param", "7", "-o", "json")
        self.assertEqual(json.loads(parts.stdout)["rows"], [["p2", 1000], ["p1", 1000]])
        written = cluster.cli("query", "--on", "all", "DELETE FROM a RETURNING id")
        self.assertEqual(written.returncode, 2, written.stdout)
        self.audit(cluster)

    def test_snapshot_reads_wait_for_nobody(self):
        cluster = self.cluster().start()
        one = Shell(self, cluster)
        one.tell("begin")
        one.ask("p1: UPDATE a SET v = 0;")
        seen = cluster.cli("query", "--on", "all", "--snapshot", "SELECT sum(v) FROM a", "-o", "json")
        self.assertEqual(json.loads(seen.stdout)["rows"], [["p1", 2000000], ["p2", 2000000]], seen.stderr)
        written = cluster.cli("query", "--on", "p2", "--snapshot", "DELETE FROM a RETURNING id")
        self.assertNotEqual(written.returncode, 0, written.stdout)
        self.assertIn("cannot write", written.stderr)
        one.ask("rollback")
        self.audit(cluster)

    def test_the_classic_deadlock_ends_at_once(self):
        cluster = self.cluster().start()
        older, younger = Shell(self, cluster), Shell(self, cluster)
        older.tell("begin")
        older.ask("p1: UPDATE a SET v = v + 1 WHERE id = 1;")
        younger.tell("begin")
        younger.ask("p2: UPDATE a SET v = v + 1 WHERE id = 1;")
        started = time.monotonic()
        waits = threading.Thread(target=lambda: younger.tell("p1: UPDATE a SET v = v - 1 WHERE id = 1;"))
        waits.start()
        older.ask("p2: UPDATE a SET v = v - 1 WHERE id = 1;")
        self.assertLess(time.monotonic() - started, 0.9, "the lock timeout is 1 s")
        waits.join()
        lost = json.loads(younger.process.stdout.readline())
        self.assertIn("DEADLOCK", lost["error"])
        self.assertEqual(older.ask("commit")["outcome"], "COMMITTED")
        self.audit(cluster)


if __name__ == "__main__":
    unittest.main()

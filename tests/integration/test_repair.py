"""A database that refuses what the log says: the participant is held, not in a loop, and `repair` is the way out."""
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import BIN, Case


class Repair(Case):
    def repair(self, cluster, *words, code=0):
        daemon = cluster.participants["p1"]
        reply = subprocess.run([os.path.join(BIN, "troth-participant"), "repair", "--data-dir", daemon.data, "--database", cluster.database("p1"), *words],
                               capture_output=True, text=True, timeout=30)
        self.assertEqual(reply.returncode, code, reply.stdout + reply.stderr)
        return reply.stdout + reply.stderr

    def by_hand(self, cluster, sql):
        db = sqlite3.connect(cluster.database("p1"))
        db.executescript(sql)
        db.close()

    def committed_and_not_in_the_file(self):
        """p1's log holds a committed change of row 1, its file does not. Returns the cluster and the gtid."""
        cluster = self.cluster().start(p1="sqlite.commit.before=kill")
        p1 = cluster.participants["p1"]
        reply = cluster.cli("submit", "--on", "p1", "UPDATE a SET v = 777 WHERE id = 1", "--on", "p1", "INSERT INTO did VALUES ('t1')", "-o", "json")
        self.assertIn(reply.returncode, (0, 3), reply.stderr)  # 3: it died before it could answer
        self.assertEqual(p1.wait(), -signal.SIGKILL)
        return cluster, [r["txn_id"] for r in p1.dump() if r["type"] == "ONE_PHASE"][-1]

    def assert_held(self, cluster, gtid):
        p1 = cluster.participants["p1"]
        state = cluster.status(p1)
        self.assertEqual(state["state"], "failed")
        self.assertTrue(any(gtid in alarm and "repair" in alarm for alarm in state["alarms"]), state["alarms"])
        reply = cluster.cli("submit", "--on", "p1", "UPDATE a SET v = 1 WHERE id = 2", "--deadline", "1s", "--timeout", "3s")
        self.assertNotEqual(reply.returncode, 0)
        self.assertTrue(p1.running())
        self.assertEqual(cluster.read("p1", "SELECT v FROM a WHERE id = 2"), [(1000,)])

    def test_committed_work_that_the_file_refuses_holds_the_participant_until_it_is_forced(self):
        cluster, gtid = self.committed_and_not_in_the_file()
        p1 = cluster.participants["p1"]
        self.by_hand(cluster, "DELETE FROM a WHERE id = 1")
        for _ in range(2):
            p1.start()
            self.assert_held(cluster, gtid)
            self.assertEqual(p1.terminate(), 0)
        shown = self.repair(cluster)
        self.assertIn(gtid, shown)
        self.assertIn('UPDATE "a" SET "v" = 777 WHERE "id" = 1;', shown)
        self.assertIn("nothing was changed", shown)
        self.assertEqual(cluster.read("p1", "SELECT count(*) FROM a WHERE id = 1"), [(0,)])
        self.assertIn("reason", self.repair(cluster, "--txn", gtid, "--how", "force", code=64))
        self.assertIn("refused first", self.repair(cluster, "--txn", gtid[:-1] + "0" if gtid[-1] != "0" else gtid[:-1] + "1", "--how", "force", "--reason", "x", code=64))
        self.assertIn("committed", self.repair(cluster, "--txn", gtid, "--how", "restore", "--reason", "x", code=64))
        self.assertIn("done", self.repair(cluster, "--txn", gtid, "--how", "force", "--reason", "row 1 was deleted by mistake"))
        self.assertIn("fits", self.repair(cluster))
        p1.start()
        self.assertEqual(cluster.read("p1", "SELECT v FROM a WHERE id = 1"), [(777,)])
        self.assertEqual(cluster.read("p1", "SELECT gid FROM did"), [("t1",)])
        self.assertEqual(cluster.status(p1)["state"], "ready")
        audit = cluster.cli_at(p1, "audit", "-o", "json").stdout
        self.assertIn("repair_force", audit)
        self.assertIn("row 1 was deleted by mistake", audit)
        self.assertEqual(cluster.cli("submit", "--on", "p1", "UPDATE a SET v = 1000 WHERE id = 1").returncode, 0)

    def test_work_that_was_done_by_hand_is_taken_as_applied(self):
        cluster, gtid = self.committed_and_not_in_the_file()
        self.by_hand(cluster, "DELETE FROM a WHERE id = 1; INSERT INTO did VALUES ('t1'); INSERT INTO a VALUES (1, 777)")
        p1 = cluster.participants["p1"]
        p1.start()
        self.assert_held(cluster, gtid)
        p1.terminate()
        self.assertIn("another program", self.repair(cluster))
        self.repair(cluster, "--txn", gtid, "--how", "skip", "--reason", "done by hand")
        p1.start()
        self.assertEqual(cluster.status(p1)["state"], "ready")
        self.assertEqual(cluster.read("p1", "SELECT v FROM a WHERE id = 1"), [(777,)])

    def test_a_row_in_doubt_that_was_written_meanwhile_is_restored(self):
        cluster = self.cluster(participant_flags=("--inquiry-interval", "60s", "--lock-timeout", "30s"),
                               coordinator_flags=("--prepare-timeout", "60s", "--resend-interval", "50ms")).start()
        p1, p2 = cluster.participants.values()
        p2.process.send_signal(signal.SIGSTOP)
        transfer = cluster.transfer_in_background("t1", "--deadline", "60s", "--timeout", "60s")
        deadline = time.monotonic() + 10
        while cluster.status(p1)["in_doubt"] != 1:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        p1.kill()
        self.by_hand(cluster, "UPDATE a SET v = 5 WHERE id = 1")
        p1.start()
        gtid = [r["txn_id"] for r in p1.dump() if r["type"] == "PREPARED"][-1]
        self.assert_held(cluster, gtid)
        p1.terminate()
        self.assertIn("in doubt", self.repair(cluster))
        self.assertIn("only restore", self.repair(cluster, "--txn", gtid, "--how", "skip", "--reason", "x", code=64))
        self.repair(cluster, "--txn", gtid, "--how", "restore", "--reason", "a script wrote past the agent")
        self.assertEqual(cluster.read("p1", "SELECT v FROM a WHERE id = 1"), [(1000,)])
        # Who asks before p2 has voted ends the transaction: for p2 the coordinator was silent while it stood still.
        p2.process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + 30
        while transfer.poll() is None and not any(r["type"] == "PREPARED" for r in p2.dump()):
            self.assertLess(time.monotonic(), deadline, "p2 has not voted")
            time.sleep(0.05)
        p1.start()
        self.assertEqual(transfer.wait(60), 0, transfer.stderr.read())
        for stream in (transfer.stdout, transfer.stderr):
            stream.close()
        self.audit(cluster, committed=["t1"])

    def detach(self, cluster, code=0):
        daemon = cluster.participants["p1"]
        reply = subprocess.run([os.path.join(BIN, "troth-participant"), "detach", "--data-dir", daemon.data, "--database", cluster.database("p1")],
                               capture_output=True, text=True, timeout=30)
        self.assertEqual(reply.returncode, code, reply.stdout + reply.stderr)
        return reply.stdout + reply.stderr

    def test_a_detached_database_is_an_ordinary_file_with_all_that_was_committed(self):
        cluster, _ = self.committed_and_not_in_the_file()
        held = sqlite3.connect(cluster.database("p1"), isolation_level=None)
        held.execute("BEGIN")
        held.execute("SELECT * FROM a").fetchall()
        self.assertIn("another program uses it", self.detach(cluster, code=75))
        held.close()
        self.assertIn("detached", self.detach(cluster))
        self.assertEqual(cluster.read("p1", "SELECT v FROM a WHERE id = 1"), [(777,)])
        self.assertEqual(cluster.read("p1", "PRAGMA journal_mode"), [("delete",)])
        self.assertEqual(cluster.read("p1", "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'troth%'"), [(0,)])
        self.assertFalse(os.path.exists(cluster.database("p1") + "-wal"))
        self.assertNotEqual(cluster.participants["p1"].start_expecting_exit(), 0)


if __name__ == "__main__":
    unittest.main()

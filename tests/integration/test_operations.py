"""Starting, stopping, disconnecting, looking: what an operator does and meets."""
import os
import signal
import sqlite3
import subprocess
import unittest

from harness import Case, Cluster


class Operations(Case):
    def test_sigterm_drains_and_exits_0(self):
        cluster = self.cluster().start()
        running = [cluster.transfer_in_background(f"t{i}", row=i + 1) for i in range(8)]
        running[0].wait(10)
        self.assertEqual(cluster.coordinator.terminate(), 0)
        results = []
        for i, process in enumerate(running):
            process.communicate(timeout=20)
            results.append((f"t{i}", process.returncode))
        for daemon in cluster.participants.values():
            self.assertEqual(daemon.terminate(), 0)
        for daemon in cluster.daemons():
            daemon.start()
        self.audit(cluster, committed=[g for g, code in results if code == 0], aborted=[g for g, code in results if code == 1])

    def test_a_second_daemon_on_the_same_directory_is_refused(self):
        cluster = self.cluster().start()
        for daemon in cluster.daemons():
            command = [os.path.join(os.environ["TROTH_BIN"], daemon.program), "--data-dir", daemon.data, "--listen", "127.0.0.1:0", *daemon.arguments()]
            second = subprocess.run(command, capture_output=True, text=True, timeout=20)
            self.assertEqual(second.returncode, 75, second.stderr)
        self.audit(cluster)

    def test_usage_errors_are_64_and_name_the_problem(self):
        rows = [(["--nonsense"], "nonsense"), (["--data-dir", "/nonexistent/x"], "init"), ([], "--data-dir"),
                (["fly", "--data-dir", "x"], "fly")]
        for program in ("troth-coordinator", "troth-participant"):
            for words, sentence in rows:
                with self.subTest(program=program, words=words):
                    reply = subprocess.run([os.path.join(os.environ["TROTH_BIN"], program), *words], capture_output=True, text=True, timeout=20)
                    self.assertEqual(reply.returncode, 64, reply.stderr)
                    self.assertIn(sentence, reply.stderr + reply.stdout)
            reply = subprocess.run([os.path.join(os.environ["TROTH_BIN"], program), "--help"], capture_output=True, text=True, timeout=20)
            self.assertEqual(reply.returncode, 0)
            self.assertIn("Exit codes", reply.stdout)

    def test_a_client_that_goes_away_after_submitting(self):
        cluster = self.cluster().start(p2="participant.prepare.received=sleep:300")
        process = cluster.transfer_in_background("t1")
        # Gone before any answer: the transaction runs to an end all the same.
        deadline = 200
        while cluster.status()["counters"].get("submitted", 0) == 0 and deadline > 0:
            deadline -= 1
        process.kill()
        process.communicate()
        self.audit(cluster)

    def test_nobody_else_writes_while_the_agent_runs(self):
        cluster = self.cluster().start()
        db = sqlite3.connect(cluster.database("p1"), timeout=0.05)
        with self.assertRaises(sqlite3.OperationalError):
            db.execute("UPDATE a SET v = 0")
        self.assertEqual(db.execute("SELECT count(*) FROM a").fetchone(), (2000,))
        db.close()
        self.audit(cluster)

    def test_in_doubt_is_shown_with_its_reason(self):
        cluster = self.cluster().start(c1="coordinator.commit.durable=kill")
        cluster.transfer("t1", "--timeout", "3s")
        cluster.coordinator.wait()
        p1 = cluster.participants["p1"]
        listed = cluster.cli_at(p1, "txn", "list", "--in-doubt").stdout
        self.assertIn("prepared", listed)
        self.assertIn("c1", listed)
        gtid = listed.splitlines()[1].split()[0]
        shown = cluster.cli_at(p1, "txn", "show", gtid[-8:])
        self.assertEqual(shown.returncode, 0)
        self.assertIn("must wait for c1", shown.stdout)
        cluster.coordinator.start()
        self.audit(cluster, committed=["t1"])


if __name__ == "__main__":
    unittest.main()

"""What clients meet: clear errors with the right exit code and nothing changed; keys, counters, many prepared at once."""
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from harness import Case, Cluster


class Requests(Case):
    def test_one_clear_sentence_each_and_nothing_changed(self):
        cluster = self.cluster().start()
        big = "x" * (1 << 20)
        ok = ["--on", "p1", "INSERT INTO did VALUES ('never')"]
        rows = [
            (["--on", "p2", "SELEC 1"], 1, "syntax error"),
            (["--on", "nowhere", "SELECT 1"], 4, "no participant is called nowhere"),
            (["--on", "p2", "SELECT * FROM missing"], 1, "no such table: missing"),
            (["--on", "p2", "INSERT INTO a VALUES (1, 5)"], 1, "UNIQUE constraint failed"),
            (["--on", "p2", "INSERT INTO a VALUES (9000, -1)"], 1, "CHECK constraint failed"),
            (["--on", "p2", "INSERT INTO a VALUES (9000, NULL)"], 1, "NOT NULL constraint failed"),
            (["--on", "p2", "UPDATE a SET v = 1 WHERE id = -5", "--expect", "rows = 1"], 1, "expected exactly 1 row, got 0"),
            (["--on", "p2", "CREATE TABLE a (x)"], 1, "already exists"),
            (["--on", "p2", "COMMIT"], 1, "REFUSED_TXN_CONTROL"),
            (["--on", "p2", "SELECT ?1"], 1, "takes 1 parameters, 0 were given"),
            (["--on", "p2"], 2, "--on needs a participant and a statement"),
            (["--onn", "p2", "SELECT 1"], 2, "did you mean --on"),
        ]
        for words, code, sentence in rows:
            with self.subTest(words=words):
                reply = cluster.cli("submit", *ok, *words)
                self.assertEqual(reply.returncode, code, reply.stderr)
                self.assertIn(sentence, reply.stderr)
        self.assertEqual(cluster.cli("submit", "--on", "p1", "INSERT INTO did VALUES ('big' || length(?1))", "-", stdin=json.dumps(
            {"branches": [{"on": "p1", "statements": [{"sql": "SELECT length(?1)", "params": [big]}]}]})).returncode, 1)
        one_megabyte = json.dumps({"branches": [{"on": n, "statements": [{"sql": "INSERT INTO did VALUES (?1)", "params": [big]}]} for n in ("p1", "p2")]})
        self.assertEqual(cluster.cli("submit", "-", stdin=one_megabyte).returncode, 0)
        cluster.participants["p2"].kill()
        reply = cluster.cli("submit", *ok, "--on", "p2", "SELECT 1", "--deadline", "500ms")
        self.assertEqual(reply.returncode, 1)
        self.assertIn("UNREACHABLE", reply.stderr)
        self.assertIn("p2", reply.stderr)
        cluster.participants["p2"].start()
        self.audit(cluster, aborted=["never"])
        cluster.coordinator.kill()
        reply = cluster.cli("submit", *ok)
        self.assertEqual(reply.returncode, 3)
        self.assertIn("cannot reach the coordinator", reply.stderr)
        cluster.coordinator.start()

    def test_idempotency_key_across_restarts(self):
        cluster = self.cluster().start()
        first = json.loads(cluster.transfer("t1", "--key", "k1", "-o", "json").stdout)
        for _ in range(2):
            again = json.loads(cluster.transfer("t1", "--key", "k1", "-o", "json").stdout)
            self.assertEqual((again["txn_id"], again["outcome"], again["replayed"]), (first["txn_id"], "COMMITTED", True))
            cluster.coordinator.kill()
            cluster.coordinator.start()
        self.assertEqual(cluster.transfer("other", "--key", "k1").returncode, 5, "same key, other body")
        one = json.loads(cluster.transfer("solo", "--key", "k2", "-o", "json", amount=0, names=("p1",)).stdout)
        cluster.participants["p1"].kill()
        cluster.participants["p1"].start()
        cluster.coordinator.kill()
        cluster.coordinator.start()
        again = json.loads(cluster.transfer("solo", "--key", "k2", "-o", "json", amount=0, names=("p1",)).stdout)
        self.assertEqual((again["txn_id"], again["outcome"]), (one["txn_id"], "COMMITTED"))
        cluster.settle()
        self.assertEqual(len(cluster.gids("p1")), 2)
        self.assertEqual(cluster.cli("outcome", first["txn_id"]).returncode, 0)
        self.assertEqual(cluster.cli("outcome", "--key", "k1").returncode, 0)

    def test_forced_writes_and_messages_are_the_protocols_figures(self):
        # Counted without repetitions: on a slow machine an early one would be right, and would be counted.
        cluster = self.cluster(coordinator_flags=("--prepare-timeout", "30s", "--resend-interval", "30s"),
                               participant_flags=("--inquiry-interval", "30s")).start()
        cluster.transfer("warm")
        cluster.settle()
        before = [cluster.status(d)["counters"] for d in cluster.daemons()]
        count = 20
        for i in range(count):
            self.assertEqual(cluster.transfer(f"t{i}").returncode, 0)
        cluster.settle()
        after = [cluster.status(d)["counters"] for d in cluster.daemons()]
        delta = lambda i, name: after[i].get(name, 0) - before[i].get(name, 0)
        forced = sum(delta(i, "forced_writes") for i in range(3))
        # protocol.md section 3: PREPARED at each of two, COMMIT, then COMMITTED at each of two.
        self.assertEqual(forced, count * 5)
        self.assertEqual(delta(2, "forced_writes"), count)
        # PREPARE and COMMIT to each; vote and ack from each.
        self.assertEqual(delta(2, "messages_sent"), count * 4)
        self.assertEqual(delta(0, "messages_sent"), count * 2)
        self.audit(cluster)

    def test_ids_are_never_used_again(self):
        cluster = self.cluster().start()
        seen = set()
        for round_number in range(3):
            for i in range(3):
                reply = cluster.transfer(f"t{round_number}-{i}", "-o", "json")
                seen.add(json.loads(reply.stdout)["txn_id"])
            cluster.coordinator.kill()
            cluster.coordinator.start()
        self.assertEqual(len(seen), 9)
        self.audit(cluster)

    def test_a_deferred_foreign_key_is_checked_before_the_vote(self):
        cluster = self.cluster()
        for name in cluster.participants:
            subprocess.run(["sqlite3", cluster.database(name), "CREATE TABLE parent(id INTEGER PRIMARY KEY);"
                            "CREATE TABLE child(id INTEGER PRIMARY KEY, p INT NOT NULL REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);"], check=True)
        cluster.start()
        orphan = cluster.cli("submit", "--on", "p1", "INSERT INTO child VALUES (1, 7)", "--on", "p2", "INSERT INTO did VALUES ('x')")
        self.assertEqual(orphan.returncode, 1)
        self.assertIn("foreign key", (orphan.stdout + orphan.stderr).lower())
        # The parent may come after the child, as long as it comes.
        good = cluster.cli("submit", "--on", "p1", "INSERT INTO child VALUES (1, 7)", "--on", "p1", "INSERT INTO parent VALUES (7)", "--on", "p2", "INSERT INTO parent VALUES (7)")
        self.assertEqual(good.returncode, 0, good.stderr)
        self.audit(cluster)
        self.assertEqual(cluster.read("p1", "SELECT * FROM child"), [(1, 7)])

    def test_redo_after_a_crash_has_the_values_of_the_first_time(self):
        cluster = self.cluster()
        for name in cluster.participants:
            subprocess.run(["sqlite3", cluster.database(name), "CREATE TABLE chance(id INTEGER PRIMARY KEY AUTOINCREMENT, r INT, at TEXT DEFAULT CURRENT_TIMESTAMP)"], check=True)
        cluster.start(p1="sqlite.commit.before=kill")
        sql = "INSERT INTO chance(r) VALUES (random()) RETURNING id, r, at"
        reply = cluster.cli("submit", "--on", "p1", sql, "--on", "p2", sql, "-o", "json")
        self.assertEqual(reply.returncode, 0, reply.stderr)
        p1 = cluster.participants["p1"]
        self.assertEqual(p1.wait(), -signal.SIGKILL)
        p1.start()
        self.audit(cluster)
        for i, name in enumerate(("p1", "p2")):
            told = json.loads(reply.stdout)["results"][i]["statements"][0]["rows"]
            self.assertEqual([list(row) for row in cluster.read(name, "SELECT id, r, at FROM chance")], told)

    def test_read_only_and_one_phase_cost_no_coordinator_record(self):
        cluster = self.cluster().start()
        before = cluster.status()["counters"].get("forced_writes", 0)
        reply = cluster.cli("submit", "--on", "p1", "SELECT v FROM a WHERE id = 1", "--on", "p2", "SELECT v FROM a WHERE id = 1", "-o", "json")
        self.assertEqual(json.loads(reply.stdout)["results"][0]["statements"][0]["rows"], [[1000]])
        self.assertEqual(cluster.transfer("solo", amount=0, names=("p1",)).returncode, 0)
        self.assertEqual(cluster.status()["counters"].get("forced_writes", 0), before)
        cluster.settle()
        self.assertEqual(cluster.status(cluster.participants["p1"])["in_doubt"], 0)

    def test_a_thousand_prepared_and_undecided_while_others_commit(self):
        cluster = self.cluster(coordinator_flags=("--prepare-timeout", "60s"), participant_flags=("--lock-timeout", "30s")).start()
        p2 = cluster.participants["p2"]
        p2.process.send_signal(signal.SIGSTOP)  # p2 cannot vote: everything stays prepared at p1
        lines = "\n".join(json.dumps({"branches": [{"on": n, "statements": [
            {"sql": "UPDATE a SET v = v + ?1 WHERE id = ?2", "params": [d, i], "expect": "rows = 1"},
            {"sql": "INSERT INTO did VALUES (?1)", "params": [f"held-{i}"]}]} for n, d in (("p1", -1), ("p2", 1))]}) for i in range(1, 1001))
        # Each submission waits for its outcome, so many clients hold them; 8 connections with 125 lines each would be serial:
        # the batch call of the C++ client is what keeps 1,000 in flight.
        holder = subprocess.Popen([os.path.join(os.environ["TROTH_BIN"], "troth"), "-e", cluster.coordinator.address, "submit", "--batch", "-",
                                   "--deadline", "60s", "--timeout", "90s", "-q", "-o", "jsonl"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        writer = threading.Thread(target=lambda: (holder.stdin.write(lines), holder.stdin.close()))
        writer.start()
        p1 = cluster.participants["p1"]
        deadline = time.monotonic() + 30
        while cluster.status(p1)["in_doubt"] < 1000 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(cluster.status(p1)["in_doubt"], 1000)
        self.assertEqual(cluster.read("p1", "SELECT count(*) FROM did"), [(0,)])
        for i in range(1001, 1021):
            self.assertEqual(cluster.cli("submit", "--on", "p1", "UPDATE a SET v = v WHERE id = ?1", "--param", str(i), "--on", "p1",
                                         "INSERT INTO did VALUES (?1)", "--param", f"text:free-{i}", "--wait", "applied").returncode, 0)
            gids = cluster.gids("p1")
            self.assertEqual(len(gids), i - 1000)
            self.assertTrue(all(g.startswith("free-") for g in gids), "a reader saw undecided rows")
        p2.process.send_signal(signal.SIGCONT)
        writer.join()
        self.assertEqual(holder.wait(90), 0)
        cluster.settle(30)
        self.assertEqual(len([g for g in cluster.gids("p1") if g.startswith("held-")]), 1000)
        self.assertEqual(len([g for g in cluster.gids("p2") if g.startswith("held-")]), 1000)


if __name__ == "__main__":
    unittest.main()

"""What has ended: read from the history beside the coordinator's log, also after a kill, and never a guess."""
import json
import pathlib
import time
import unittest

from harness import Case


class History(Case):
    def ended(self, cluster, *words):
        return json.loads(cluster.cli("txn", "list", "--ended", *words, "-o", "json").stdout)

    def listed(self, cluster, count, *words):
        """The history is written in the background."""
        deadline = time.monotonic() + 10
        while len(rows := self.ended(cluster, *words)["transactions"]) < count:
            self.assertLess(time.monotonic(), deadline, rows)
            time.sleep(0.02)
        self.assertEqual(len(rows), count)
        return rows

    def test_what_ended_is_listed_with_its_reason_key_and_participants(self):
        cluster = self.cluster().start()
        done = json.loads(cluster.transfer("t1", "--key", "k1", "--comment", "first", "-o", "json").stdout)
        failed = json.loads(cluster.cli("submit", "--on", "p1", "INSERT INTO did VALUES ('never')", "--on", "p2",
                                        "INSERT INTO a VALUES (1, 5)", "-o", "json").stdout)
        alone = json.loads(cluster.transfer("solo", "-o", "json", amount=0, names=("p2",)).stdout)
        rows = {row["txn_id"]: row for row in self.listed(cluster, 3)}
        one = rows[done["txn_id"]]
        self.assertEqual((one["state"], one["protocol"], one["participants"], one["key"], one["comment"]),
                         ("committed", "two_phase", ["p1", "p2"], "k1", "first"))
        self.assertEqual(rows[failed["txn_id"]]["reason_code"], "CONSTRAINT")
        self.assertEqual((rows[alone["txn_id"]]["protocol"], rows[alone["txn_id"]]["participants"]), ("one_phase", ["p2"]))
        self.listed(cluster, 2, "--participant", "p1")
        self.listed(cluster, 1, "--key", "k1")
        self.assertEqual(self.ended(cluster, "--key", "k2")["transactions"], [])
        page = self.ended(cluster, "--limit", "2")
        self.assertEqual(len(page["transactions"]), 2)
        self.assertEqual(len(self.ended(cluster, "--limit", "2", "--after", page["next_after"])["transactions"]), 1)
        for _ in range(2):
            cluster.coordinator.kill()
            cluster.coordinator.start()
            self.listed(cluster, 3, "--since", "1h")
            reply = cluster.cli("outcome", failed["txn_id"])
            self.assertEqual((reply.returncode, "ABORTED" in reply.stdout), (0, True), reply.stdout)
            self.assertIn("UNIQUE", reply.stderr)
        self.assertEqual(cluster.cli("txn", "list", "--since", "1h").returncode, 2)
        self.assertNotEqual(cluster.cli_at(cluster.participants["p1"], "txn", "list", "--ended").returncode, 0)

    def test_a_history_of_another_time_begins_anew_and_stops_nothing(self):
        cluster = self.cluster().start()
        cluster.transfer("t1")
        self.listed(cluster, 1)
        cluster.coordinator.terminate()
        for file in pathlib.Path(cluster.coordinator.data).glob("outcomes.db*"):
            file.unlink()
        cluster.coordinator.start()
        self.assertEqual(cluster.transfer("t2").returncode, 0)
        self.listed(cluster, 2)  # the log still tells of the first

    def test_what_the_coordinator_does_not_know_is_asked_for_at_its_participants(self):
        cluster = self.cluster().start()
        cluster.transfer("t1")  # both participants are linked
        self.assertEqual(cluster.cli("outcome", "--key", "never").returncode, 4)
        done = json.loads(cluster.transfer("solo", "--key", "k1", "-o", "json", amount=0, names=("p1",)).stdout)
        other = self.cluster().start()
        other.transfer("t1")
        elsewhere = other.cli("outcome", done["txn_id"])
        self.assertEqual(elsewhere.returncode, 3, elsewhere.stdout)
        self.assertIn("another coordinator", elsewhere.stderr)
        cluster.participants["p2"].kill()
        reply = cluster.cli("outcome", "--key", "never")
        self.assertEqual(reply.returncode, 3, reply.stdout)
        self.assertIn("p2", reply.stderr)
        known = cluster.cli("outcome", "--key", "k1")
        self.assertEqual((known.returncode, "COMMITTED" in known.stdout), (0, True), known.stderr)

    def test_a_repetition_gets_the_rows_again(self):
        cluster = self.cluster().start()
        words = ["submit", "--key", "k1", "-o", "json", "--on", "p1", "UPDATE a SET v = v + 1 WHERE id = 1 RETURNING v",
                 "--on", "p2", "SELECT v FROM a WHERE id = 2"]
        first = json.loads(cluster.cli(*words).stdout)
        self.assertEqual([len(branch["statements"][0]["rows"]) for branch in first["results"]], [1, 1])
        for _ in range(2):
            again = json.loads(cluster.cli(*words).stdout)
            self.assertTrue(again["replayed"])
            self.assertEqual(again["results"], first["results"])
            cluster.coordinator.kill()
            cluster.coordinator.start()


if __name__ == "__main__":
    unittest.main()

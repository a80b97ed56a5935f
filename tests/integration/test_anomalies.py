"""Every row of docs/concepts/isolation.md: the schedule that would show the anomaly, on real daemons."""
import json
import os
import select
import subprocess
import unittest

from harness import Cluster

PATIENCE = 0.3  # a statement that has not answered by then waits for a lock


class Client:
    """One `troth shell`. Steps behind a statement that waits are kept until it has answered."""

    def __init__(self, cluster):
        command = [os.path.join(os.environ["TROTH_BIN"], "troth"), "-e", cluster.coordinator.address, "-o", "jsonl", "shell"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=0)
        self.waiting, self.kept, self.reads, self.lost, self.outcome = False, [], {}, None, None
        self.label, self.ending = None, False
        self.tell("begin")
        self.tell("p1: SELECT 1;")  # answered: it has begun, so the clients' ages are in their order
        json.loads(self.process.stdout.readline())

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def do(self, sql, label=None):
        self.ending = self.ending or sql in ("commit", "rollback")
        self.kept.append((sql, label))
        self.go_on()

    def go_on(self, patience=PATIENCE):
        while True:
            if self.waiting:
                ready, _, _ = select.select([self.process.stdout], [], [], patience)
                if not ready:
                    return
                self.take(json.loads(self.process.stdout.readline()))
            if not self.kept or self.lost:
                return
            sql, self.label = self.kept.pop(0)
            self.tell(sql if sql in ("commit", "rollback") else sql + ";")
            self.waiting = True

    def take(self, answer):
        self.waiting = False
        if "error" in answer:
            self.lost = answer["error"]
        elif "outcome" in answer:
            self.outcome = answer["outcome"]
        elif self.label:
            self.reads[self.label] = answer["results"][0]["statements"][0]["rows"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Anomalies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # So long that no schedule comes near it, on the slowest machine: a conflict that is left to it is found all the same.
        cls.cluster = Cluster(2, participant_flags=("--inquiry-interval", "50ms", "--lock-timeout", "10s")).start()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    row = 0

    def run_schedule(self, count, steps):
        """steps: (client, sql[, label]); x and y are two fresh rows of p1 and p2. Ends every client with a commit that has not ended."""
        Anomalies.row += 2
        x, y = Anomalies.row, Anomalies.row + 1
        clients = [Client(self.cluster) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
        for who, sql, *label in steps:
            clients[who - 1].do(sql.replace("{x}", str(x)).replace("{y}", str(y)), label[0] if label else None)
            for client in clients:
                client.go_on(0)
        for client in clients:
            if not client.ending:
                client.do("commit")
        for _ in range(40):
            if all(c.outcome or c.lost for c in clients):
                break
            for client in clients:
                client.go_on()
        for client in clients:
            self.assertTrue(client.outcome or client.lost, "a client still waits")
            self.assertNotIn("TIMEOUT", client.lost or "", "a conflict was left to a timeout")
        return clients, x, y

    def value(self, participant, row):
        out = self.cluster.cli("sql", participant, f"SELECT v FROM a WHERE id = {row}", "-o", "json").stdout
        return json.loads(out)["results"][0]["statements"][0]["rows"][0][0]

    @staticmethod
    def committed(client):
        return client.outcome == "COMMITTED"

    def test_g0_dirty_write(self):
        (one, two), x, y = self.run_schedule(2, [
            (1, "p1: UPDATE a SET v = 11 WHERE id = {x}"), (2, "p1: UPDATE a SET v = 12 WHERE id = {x}"),
            (1, "p2: UPDATE a SET v = 21 WHERE id = {y}"), (1, "commit"),
            (2, "p2: UPDATE a SET v = 22 WHERE id = {y}"), (2, "commit")])
        self.assertIn((self.value("p1", x), self.value("p2", y)), [(11, 21), (12, 22)])
        self.assertTrue(self.committed(one))

    def test_g1a_aborted_read(self):
        (one, two), x, _ = self.run_schedule(2, [
            (1, "p1: UPDATE a SET v = 101 WHERE id = {x}"), (2, "p1: SELECT v FROM a WHERE id = {x}", "x"),
            (1, "rollback"), (2, "commit")])
        self.assertEqual(two.reads["x"], [[1000]])

    def test_g1b_intermediate_read(self):
        (one, two), x, _ = self.run_schedule(2, [
            (1, "p1: UPDATE a SET v = 101 WHERE id = {x}"), (2, "p1: SELECT v FROM a WHERE id = {x}", "x"),
            (1, "p1: UPDATE a SET v = 11 WHERE id = {x}"), (1, "commit"), (2, "commit")])
        self.assertIn(two.reads["x"], ([[1000]], [[11]]))

    def test_g1c_circular_information_flow(self):
        (one, two), x, y = self.run_schedule(2, [
            (1, "p1: UPDATE a SET v = 11 WHERE id = {x}"), (2, "p2: UPDATE a SET v = 22 WHERE id = {y}"),
            (1, "p2: SELECT v FROM a WHERE id = {y}", "y"), (2, "p1: SELECT v FROM a WHERE id = {x}", "x")])
        both = self.committed(one) and self.committed(two)
        self.assertFalse(both and one.reads["y"] == [[22]] and two.reads["x"] == [[11]])
        self.assertTrue(self.committed(one))

    def test_lost_update(self):
        (one, two), x, _ = self.run_schedule(2, [
            (1, "p1: SELECT v FROM a WHERE id = {x}", "x"), (2, "p1: SELECT v FROM a WHERE id = {x}", "x"),
            (1, "p1: UPDATE a SET v = 1001 WHERE id = {x}"), (2, "p1: UPDATE a SET v = 1002 WHERE id = {x}")])
        both = self.committed(one) and self.committed(two)
        self.assertFalse(both and one.reads["x"] == two.reads["x"])
        self.assertTrue(self.committed(one))

    def test_fuzzy_read(self):
        (one, two), x, _ = self.run_schedule(2, [
            (1, "p1: SELECT v FROM a WHERE id = {x}", "first"), (2, "p1: UPDATE a SET v = 5 WHERE id = {x}"), (2, "commit"),
            (1, "p1: SELECT v FROM a WHERE id = {x}", "second"), (1, "commit")])
        self.assertEqual(one.reads["first"], one.reads["second"])
        self.assertTrue(self.committed(two), "it waited, and went on")

    def test_read_skew_across_databases(self):
        (one, two), x, y = self.run_schedule(2, [
            (1, "p1: SELECT v FROM a WHERE id = {x}", "x"),
            (2, "p1: UPDATE a SET v = 900 WHERE id = {x}"), (2, "p2: UPDATE a SET v = 1100 WHERE id = {y}"), (2, "commit"),
            (1, "p2: SELECT v FROM a WHERE id = {y}", "y"), (1, "commit")])
        self.assertEqual(one.reads["x"][0][0] + one.reads["y"][0][0], 2000)
        self.assertTrue(self.committed(one))

    def test_fractured_read_of_a_read_only_transaction(self):
        Anomalies.row += 2
        x, y = Anomalies.row, Anomalies.row + 1
        writer = Client(self.cluster)
        self.addCleanup(writer.close)
        writer.do(f"p1: UPDATE a SET v = 900 WHERE id = {x}")
        reader = subprocess.Popen([os.path.join(os.environ["TROTH_BIN"], "troth"), "-e", self.cluster.coordinator.address, "-o", "json", "submit",
                                   "--on", "p1", f"SELECT v FROM a WHERE id = {x}", "--on", "p2", f"SELECT v FROM a WHERE id = {y}"],
                                  stdout=subprocess.PIPE, text=True)
        writer.do(f"p2: UPDATE a SET v = 1100 WHERE id = {y}")
        writer.do("commit")
        seen = json.loads(reader.communicate(timeout=30)[0])
        self.assertEqual(sum(branch["statements"][0]["rows"][0][0] for branch in seen["results"]), 2000)

    def test_g2_write_skew(self):
        (one, two), x, y = self.run_schedule(2, [
            (1, "p1: SELECT v FROM a WHERE id = {x}", "x"), (1, "p2: SELECT v FROM a WHERE id = {y}", "y"),
            (2, "p1: SELECT v FROM a WHERE id = {x}", "x"), (2, "p2: SELECT v FROM a WHERE id = {y}", "y"),
            (1, "p1: UPDATE a SET v = 0 WHERE id = {x}"), (2, "p2: UPDATE a SET v = 0 WHERE id = {y}")])
        both = self.committed(one) and self.committed(two)
        self.assertFalse(both and one.reads == two.reads, "each has written what the other's decision was based on")
        self.assertTrue(self.committed(one))

    def test_g2_phantom(self):
        (one, two), _, _ = self.run_schedule(2, [
            (1, "p1: SELECT count(*) FROM did WHERE gid LIKE 'phantom%'", "n"),
            (2, "p1: INSERT INTO did VALUES ('phantom')"), (2, "commit"),
            (1, "p1: SELECT count(*) FROM did WHERE gid LIKE 'phantom%'", "again"), (1, "commit")])
        self.assertEqual(one.reads["n"], one.reads["again"])
        self.assertTrue(self.committed(two))

    def test_g2_phantom_in_an_empty_key(self):
        (one, two), _, _ = self.run_schedule(2, [
            (1, "p1: SELECT count(*) FROM did WHERE gid = 'nobody'", "n"),
            (2, "p1: INSERT INTO did VALUES ('nobody')"), (2, "commit"),
            (1, "p1: SELECT count(*) FROM did WHERE gid = 'nobody'", "again"), (1, "commit")])
        self.assertEqual(one.reads["n"], one.reads["again"])

    def test_long_fork(self):
        (one, two, three, four), x, y = self.run_schedule(4, [
            (3, "p1: SELECT v FROM a WHERE id = {x}", "x"), (4, "p2: SELECT v FROM a WHERE id = {y}", "y"),
            (1, "p1: UPDATE a SET v = 1 WHERE id = {x}"), (1, "commit"), (2, "p2: UPDATE a SET v = 1 WHERE id = {y}"), (2, "commit"),
            (3, "p2: SELECT v FROM a WHERE id = {y}", "y"), (4, "p1: SELECT v FROM a WHERE id = {x}", "x")])
        if self.committed(three) and self.committed(four):
            x_then_y = three.reads["x"] == [[1000]] and three.reads["y"] == [[1]]
            y_then_x = four.reads["y"] == [[1000]] and four.reads["x"] == [[1]]
            self.assertFalse(x_then_y and y_then_x, "two readers saw two writes in opposite orders")

    def test_stale_read(self):
        (one,), x, y = self.run_schedule(1, [(1, "p1: UPDATE a SET v = 7 WHERE id = {x}"), (1, "p2: UPDATE a SET v = 8 WHERE id = {y}"), (1, "commit")])
        self.assertEqual((self.value("p1", x), self.value("p2", y)), (7, 8), "what was answered before is seen by whoever begins later")


if __name__ == "__main__":
    unittest.main()

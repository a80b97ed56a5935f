"""What the client was told is what the databases hold: threads transfer while daemons are killed and answers are lost."""
import faulthandler
import random
import threading
import unittest

import support
import troth

THREADS, EACH, KILLS, FAULTS = 4, 12, 4, 24
SEED = 20261129


class Chaos(support.Case):
    def setUp(self):
        super().setUp()
        for name in ("p1", "p2"):
            self.client.execute(name, "CREATE TABLE IF NOT EXISTS did(gid TEXT PRIMARY KEY NOT NULL)")
        self.committed, self.aborted, self.broken = set(), set(), []

    def at_once(self, client, gid):
        """One shot under a key that the client makes."""
        request = troth.Request()
        for name, sign in (("p1", -1), ("p2", 1)):
            request.on(name, "UPDATE acc SET n = n + ? WHERE id = 1", (sign,)).on(name, "INSERT INTO did VALUES (?)", (gid,))
        client.submit(request, deadline=5, retries=20)

    def in_pieces(self, client, gid):
        def work(t):
            for name, sign in (("p1", -1), ("p2", 1)):
                t[name].execute("UPDATE acc SET n = n + ? WHERE id = 1", (sign,), expect=1)
                t[name].execute("INSERT INTO did VALUES (?)", (gid,))
        client.run(work, timeout=20, deadline=5)

    def transfer(self, number):
        chance = random.Random(SEED + number)
        client = troth.connect(self.world.endpoint("proxy"), timeout=4)
        for i in range(EACH):
            gid = f"{number}-{i}"
            work = chance.choice((self.at_once, self.in_pieces))
            try:
                try:
                    work(client, gid)
                except troth.InDoubt as fault:
                    fault.await_outcome(60)
                self.committed.add(gid)
            except (troth.Aborted, troth.Refused):
                self.aborted.add(gid)
            except BaseException as fault:
                self.broken.append(f"{gid}: {fault!r}")
        client.close()

    def disturb(self, stop):
        """Loses answers and kills daemons until the transfers are done, a bounded number of times: the rest must go through."""
        chance, kills = random.Random(SEED), 0
        for _ in range(FAULTS):
            if stop.wait(chance.uniform(0.05, 0.4)):
                return
            self.world.arm(chance.choice(("lose_answer", "lose_request", "cut_answer")), chance.choice(("submit", "commit", "execute")), 1)
            if kills < KILLS:
                kills += 1
                name = chance.choice(("c1", "c1", "p1", "p2"))
                self.world.act("kill", name)
                self.world.act("start", name)

    def test_what_was_told_is_what_is_there(self):
        stop = threading.Event()
        disturber = threading.Thread(target=self.disturb, args=(stop,))
        threads = [threading.Thread(target=self.transfer, args=(i,), daemon=True) for i in range(THREADS)]
        for t in (disturber, *threads):
            t.start()
        try:
            for t in threads:
                t.join(200)
                if t.is_alive():
                    faulthandler.dump_traceback()
                self.assertFalse(t.is_alive(), "a client hangs")
        finally:
            stop.set()
            disturber.join(60)
        self.world.heal()
        self.world.cluster.settle()
        self.assertEqual(self.broken, [])
        there = [self.world.cluster.gids(name) for name in ("p1", "p2")]
        self.assertEqual(there[0], there[1])
        self.assertEqual(there[0], self.committed, f"seed {SEED}: told committed and not there, or told aborted and there")
        self.assertEqual(len(self.committed) + len(self.aborted), THREADS * EACH)
        self.assertGreater(len(self.committed), THREADS * EACH // 4)
        self.assertEqual((self.value("p1"), self.value("p2")), (100 - len(self.committed), 100 + len(self.committed)))


if __name__ == "__main__":
    unittest.main()

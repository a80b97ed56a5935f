"""The blocking client on real daemons: what no language-neutral case can say. Threads, fork(), scopes, trace context."""
import os
import threading
import time
import unittest

import support
import troth


class Scopes(support.Case):
    def test_a_block_that_raises_rolls_back(self):
        with self.assertRaises(ZeroDivisionError):
            with self.client.transaction() as t:
                t["p1"].execute("UPDATE acc SET n = 0")
                1 / 0
        self.assertEqual(t.state, "rolled back")
        self.assertEqual(self.value("p1"), 100)

    def test_a_block_that_hides_an_abort_does_not_look_committed(self):
        with self.assertRaises(troth.Aborted):
            with self.client.transaction() as t:
                try:
                    t["p1"].execute("UPDATE acc SET n = -1")
                except troth.Aborted:
                    pass

    def test_many_statements_travel_in_few_requests(self):
        with self.client.transaction() as t:
            results = t["p1"].executemany("INSERT INTO t VALUES (?, ?)", [(i, str(i)) for i in range(1200)])
        self.assertEqual(sum(r.changes for r in results), 1200)
        self.assertEqual(self.value("p1", "SELECT count(*) FROM t"), 1200)

    def test_a_cancelled_statement_leaves_no_lock(self):
        with self.client.transaction() as holder:
            holder["p1"].execute("UPDATE acc SET n = 1 WHERE id = 1")
            waiter = self.client.transaction().begin()
            began = time.monotonic()
            with self.assertRaisesRegex(troth.Aborted, "CONNECTION_LOST"):
                waiter["p1"].execute("UPDATE acc SET n = 2 WHERE id = 1", timeout=0.3)
            self.assertLess(time.monotonic() - began, 3)
        self.assertEqual(self.value("p1"), 1)


class Processes(support.Case):
    def in_child(self, work):
        """What work() returns in a child after fork(), as text."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                answer = str(work())
            except BaseException as fault:
                answer = f"{type(fault).__name__}: {fault}"
            os.write(writing, answer.encode())
            os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            return answer.read()

    def test_a_child_has_connections_of_its_own(self):
        self.client.execute("p1", "SELECT 1")  # leaves a connection in the pool
        answers = []
        self.assertEqual(self.in_child(lambda: [self.client.execute("p1", "SELECT ?", (i,)).scalar() for i in range(50)]), str(list(range(50))))
        for i in range(50):
            answers.append(self.client.execute("p1", "SELECT ?", (1000 + i,)).scalar())
        self.assertEqual(answers, list(range(1000, 1050)))

    def test_both_sides_of_a_fork_at_the_same_time(self):
        self.client.execute("p1", "SELECT 1")
        go_reading, go_writing = os.pipe()

        def child():
            os.read(go_reading, 1)
            return all(self.client.execute("p1", "SELECT ?", (-i,)).scalar() == -i for i in range(200))
        answer = []
        waiting = threading.Thread(target=lambda: answer.append(self.in_child(child)))
        waiting.start()
        os.write(go_writing, b"x")
        mine = all(self.client.execute("p1", "SELECT ?", (i,)).scalar() == i for i in range(200))
        waiting.join()
        self.assertEqual((mine, answer), (True, ["True"]))

    def test_a_transaction_stays_with_the_parent(self):
        with self.client.transaction() as t:
            t["p1"].execute("UPDATE acc SET n = 42 WHERE id = 1")
            self.assertIn("UsageError", self.in_child(lambda: t["p1"].execute("UPDATE acc SET n = 43 WHERE id = 1")))
            self.assertIn("UsageError", self.in_child(t.commit))
        self.assertEqual(self.value("p1"), 42)

    def test_a_fork_while_another_thread_holds_the_locks(self):
        core = self.client._core()
        with core.pool.lock, core.endpoints.lock:
            self.assertEqual(self.in_child(lambda: self.client.execute("p1", "SELECT 5").scalar()), "5")


class Threads(support.Case):
    def test_one_client_for_sixteen_threads(self):
        def work(number):
            for _ in range(20):
                got = self.client.execute("p1", "SELECT ?", (number,), key=None).scalar()
                if got != number:
                    wrong.append((number, got))
        wrong = []
        threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_conflict_losers_win_in_the_end(self):
        def work(number):
            first, second = ("p1", "p2") if number % 2 else ("p2", "p1")

            def move(t):
                t[first].execute("UPDATE acc SET n = n + 1 WHERE id = 1")
                t[second].execute("UPDATE acc SET n = n + 1 WHERE id = 1")
            for _ in range(5):
                self.client.run(move)
        threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual((self.value("p1"), self.value("p2")), (130, 130))


class Tracing(support.Case):
    def test_the_context_is_asked_at_each_request(self):
        asked = []

        def parent():
            asked.append(len(asked))
            return "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        with troth.connect(self.address, context=troth.Context("shop", traceparent=parent)) as client:
            client.execute("p1", "SELECT 1")
            with client.transaction() as t:
                t["p1"].execute("SELECT 1")
        self.assertEqual(len(asked), 4)  # submit, begin, execute, commit

    def test_who_the_server_is(self):
        self.assertEqual(self.client.server_info().name, "c1")


if __name__ == "__main__":
    unittest.main()

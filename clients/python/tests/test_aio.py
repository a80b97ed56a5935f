"""The asyncio client: the same conformance cases, without restarts, and what only asyncio can be asked."""
import asyncio
import threading
import time
import unittest

import conformance
import support
import troth
import troth.aio


class Loop:
    """An event loop on a thread of its own, for callers that block."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def wait(self, awaitable):
        async def inner():
            return await awaitable
        return asyncio.run_coroutine_threadsafe(inner(), self.loop).result(60)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


class Blocking:
    """Makes an object of troth.aio look like its blocking twin."""

    def __init__(self, loop, inner):
        self._loop, self._inner = loop, inner

    def __getattr__(self, name):
        member = getattr(self._inner, name)
        if name == "transaction":
            return lambda **options: Blocking(self._loop, member(**options))
        if not asyncio.iscoroutinefunction(member):
            return member
        return lambda *args, **options: self._call(member, args, options)

    def _call(self, member, args, options):
        if member.__name__ == "run":
            function = args[0]
            later = self._loop.loop.run_in_executor

            async def work(t):
                return await later(None, function, Blocking(self._loop, t))
            args = (work, *args[1:])
        try:
            return self._loop.wait(member(*args, **options))
        except troth.InDoubt as fault:
            if fault._asker is not None:
                ask = fault._asker
                fault._asker = lambda timeout: self._loop.wait(ask(timeout))
            raise

    def __getitem__(self, participant):
        return Blocking(self._loop, self._inner[participant])

    def __repr__(self):
        return repr(self._inner)


class Runner(conformance.Runner):
    loop = Loop()

    def make_client(self, options):
        made = Blocking(self.loop, troth.aio.connect([self.world.endpoint(e) for e in options["endpoints"]], timeout=options["timeout"]))
        self.clients.append(made)
        return made


class Conformance(support.Case):
    def test_the_cases_without_restarts(self):
        problems = {case["name"]: problem for case in conformance.all_cases(False) if not case.get("slow") if (problem := conformance.run_case(self.world, case, Runner))}
        self.assertEqual(problems, {}, "\n".join(problems.values()))


class Asyncio(support.Case):
    def test_a_hundred_tasks_on_one_client(self):
        async def all_of_them():
            async with troth.aio.connect(self.address, timeout=20) as client:
                return await asyncio.gather(*(client.execute("p1", "SELECT ?", (i,), key=None) for i in range(100)))
        self.assertEqual([r.scalar() for r in asyncio.run(all_of_them())], list(range(100)))

    def test_a_cancelled_statement_leaves_no_lock(self):
        async def cancel():
            async with troth.aio.connect(self.address, timeout=20) as client:
                async with client.transaction() as holder:
                    await holder["p1"].execute("UPDATE acc SET n = 1 WHERE id = 1")
                    waiter = await client.transaction().begin()
                    await waiter["p1"].execute("UPDATE acc SET n = 5 WHERE id = 2")
                    waiting = asyncio.create_task(waiter["p1"].execute("UPDATE acc SET n = 2 WHERE id = 1"))
                    await asyncio.sleep(0.1)
                    waiting.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await waiting
                    with self.assertRaises(troth.Aborted):
                        await waiter.commit()
                began = time.monotonic()
                await client.execute("p1", "UPDATE acc SET n = n + 1")
                return time.monotonic() - began
        self.assertLess(asyncio.run(cancel()), 10)
        self.assertEqual((self.value("p1"), self.value("p1", "SELECT n FROM acc WHERE id = 2")), (2, 101))

    def test_a_block_that_raises_rolls_back(self):
        async def raises():
            async with troth.aio.connect(self.address) as client:
                async with client.transaction() as t:
                    await t["p1"].execute("UPDATE acc SET n = 0")
                    1 / 0
        with self.assertRaises(ZeroDivisionError):
            asyncio.run(raises())
        self.assertEqual(self.value("p1"), 100)


if __name__ == "__main__":
    unittest.main()

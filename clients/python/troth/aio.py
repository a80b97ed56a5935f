"""The asyncio client: the same calls as troth.Client, awaited. One AsyncClient belongs to one event loop.

    client = troth.aio.connect("127.0.0.1:7420")
    async with client.transaction() as t:
        await t["orders"].execute("INSERT INTO orders VALUES (?)", (17,))
"""
import asyncio
import contextlib

from troth import batch, wire
from troth.client import Retry, wire_request
from troth.context import Context
from troth.core import Core, outcome_of
from troth.errors import Aborted, Unavailable
from troth.interactive import Interactive
from troth.links import Lost, NotSent
from troth.requests import Request, statement
from troth.tls import Refused, Tls


class Link:
    """One connection; one task uses it at a time."""

    def __init__(self, endpoint, reader, writer):
        self.endpoint, self.sequence, self.reader, self.writer = endpoint, 0, reader, writer

    def stale(self):
        return self.reader.at_eof() or self.writer.is_closing() or self.reader.exception() is not None

    def close(self):
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self.writer.transport.abort()

    async def accepted(self, tls, deadline):
        """As in troth/links.py."""
        try:
            tls.judge(self.writer.get_extra_info("ssl_object").getpeercert())
            await self.exchange(wire.HELLO, deadline)
        except (Lost, NotSent, wire.BadAnswer, Refused) as fault:
            self.close()
            raise NotSent(f"{self.endpoint.name}: TLS: {fault}") from fault

    async def exchange(self, frame, deadline):
        try:
            async with asyncio.timeout(deadline.left()):
                self.writer.write(frame)
                await self.writer.drain()
        except (OSError, TimeoutError) as fault:
            # drain() may fail after the kernel has taken everything: unlike a blocking send, this says nothing about what arrived.
            raise Lost(str(fault) or "the request could not be sent in time") from fault
        try:
            async with asyncio.timeout(deadline.left()):
                return await self.reader.readexactly(wire.frame_length(await self.reader.readexactly(4)))
        except TimeoutError as fault:
            raise Lost("no answer in time") from fault
        except (OSError, asyncio.IncompleteReadError) as fault:
            raise Lost("the connection was closed" if isinstance(fault, asyncio.IncompleteReadError) else str(fault)) from fault


class Pool:
    """Idle connections, at most `size` for each coordinator. No lock: only the tasks of one loop use it."""

    def __init__(self, size, tls=None):
        self.size, self.tls, self.idle, self.closed = size, tls, {}, False

    async def take(self, endpoint, deadline):
        waiting = self.idle.get(endpoint.name, [])
        while waiting:
            link = waiting.pop()
            if not link.stale():
                return link
            link.close()
        try:
            async with asyncio.timeout(deadline.left()):
                # Several addresses: the next one is tried after 250 ms (RFC 8305).
                secure = {"ssl": self.tls.context(), "server_hostname": endpoint.host} if self.tls is not None else {}
                made = Link(endpoint, *await asyncio.open_connection(endpoint.host, endpoint.port, limit=2**20, happy_eyeballs_delay=0.25, **secure))
                if self.tls is not None:
                    await made.accepted(self.tls, deadline)
        except TimeoutError as fault:
            raise NotSent(f"{endpoint.name}: no answer in time") from fault
        except OSError as fault:
            raise NotSent(f"{endpoint.name}: {fault}") from fault
        return made

    def give_back(self, link):
        waiting = self.idle.setdefault(link.endpoint.name, [])
        if self.closed or link.stale() or len(waiting) >= self.size:
            return link.close()
        waiting.append(link)

    async def pause(self, seconds):
        await asyncio.sleep(seconds)

    def close(self):
        self.closed, idle, self.idle = True, self.idle, {}
        for link in sum(idle.values(), []):
            link.close()


class Branch:
    def __init__(self, transaction, participant):
        self.transaction, self.participant = transaction, participant

    async def execute(self, sql, params=(), expect=None, timeout=None):
        return await self.transaction.execute(self.participant, sql, params, expect, timeout)

    async def executemany(self, sql, many, timeout=None):
        return await self.transaction.executemany(self.participant, sql, many, timeout)


class Transaction:
    """As troth.Transaction. A cancelled call closes the connection, and the server rolls back."""

    CHUNK = 500

    def __init__(self, core, options):
        self._inner = Interactive(core, **options)

    gtid = property(lambda self: self._inner.gtid)
    state = property(lambda self: self._inner.state)

    async def begin(self):
        await self._inner.begin()
        return self

    def __getitem__(self, participant):
        return Branch(self, participant)

    async def execute(self, participant, sql, params=(), expect=None, timeout=None):
        made = statement(sql, params, expect, adapters=self._inner.core.adapters)
        return (await self._inner.execute(participant, [made], timeout))[0]

    async def executemany(self, participant, sql, many, timeout=None):
        made = [statement(sql, params, adapters=self._inner.core.adapters) for params in many]
        out = []
        for at in range(0, len(made), self.CHUNK):
            out += await self._inner.execute(participant, made[at:at + self.CHUNK], timeout)
        return out

    async def commit(self):
        return await self._inner.commit()

    async def rollback(self):
        await self._inner.rollback()

    async def __aenter__(self):
        return self if self.state == "open" else await self.begin()

    async def __aexit__(self, kind, fault, trace):
        if kind is not None:
            await self.rollback()
        elif self.state in ("open", "aborted"):
            await self.commit()


class AsyncClient:
    """As troth.Client. InDoubt.await_outcome() returns an awaitable."""

    def __init__(self, endpoints="127.0.0.1:7420", timeout=15.0, connect_timeout=2.0, context=None, adapters=None, pool_size=8, tls_dir=None):
        self._core = Core(endpoints, Pool(pool_size, Tls(tls_dir) if tls_dir else None), timeout, connect_timeout, context or Context(client_name="python"), adapters)

    async def submit(self, request, timeout=None, **options):
        return await self._core.submit(wire_request(request, options, self._core.adapters), self._core.deadline(timeout))

    async def execute(self, participant, sql, params=(), expect=None, snapshot=False, timeout=None, **options):
        outcome = await self.submit(Request().on(participant, sql, params, expect, snapshot), timeout, **options)
        return outcome.results[participant][0] if outcome.results else None

    async def submit_batch(self, requests, timeout=None, **options):
        pairs = [(r, {}) if isinstance(r, Request) else r for r in requests]
        made = [wire_request(r, {**options, **own}, self._core.adapters) for r, own in pairs]
        return await batch.submit(self._core, made, self._core.deadline(timeout))

    async def outcome(self, id=None, key=None, timeout=None):
        return outcome_of(await self._core.outcome(id, key, self._core.deadline(timeout)), key)

    async def await_outcome(self, id=None, key=None, timeout=None):
        return await self._core.settle(id, key, "no answer yet", self._core.deadline(timeout))

    def transaction(self, **options):
        return Transaction(self._core, options)

    async def run(self, function, attempts=50, timeout=30.0, **options):
        retry, lost = Retry(attempts, timeout), None
        while True:
            transaction = Transaction(self._core, {**options, "retry_of": lost})
            try:
                async with transaction:
                    value = await function(transaction)
                return value
            except (Aborted, Unavailable) as fault:
                lost = transaction._inner if transaction.gtid else lost
                await asyncio.sleep(retry.after(fault))

    async def server_info(self, timeout=None):
        return await self._core.server_info(self._core.deadline(timeout))

    async def close(self):
        self._core.pool.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *fault):
        await self.close()


def connect(endpoints="127.0.0.1:7420", timeout=15.0, context=None, **more):
    """An AsyncClient. Connects at the first call."""
    return AsyncClient(endpoints, timeout, context=context, **more)

"""The blocking client. Thread-safe, and safe after fork(): a child opens connections of its own."""
import os
import random
import threading
import time
import uuid

from troth import batch
from troth.context import Context
from troth.core import Core, outcome_of
from troth.errors import Aborted, Unavailable, UsageError
from troth.interactive import Interactive
from troth.links import Pool
from troth.requests import Request, statement
from troth.tls import Tls

AUTO = object()


def run(coroutine):
    """Runs a coroutine over the blocking pool. It never suspends, so there is no event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise AssertionError("a blocking call was suspended")


class BlockingCore(Core):
    def asker(self, later):
        return lambda timeout: run(later(timeout))


def new_key():
    """A key for a request that has none: with one, asking again is always safe."""
    return "py-" + uuid.uuid4().hex


def wire_request(request, options, adapters):
    """The Transaction of a Request. `key` left out makes a new one; key=None sends none."""
    given = dict(options)
    key = given.pop("key", AUTO)
    wire = request.to_wire(new_key() if key is AUTO else key, *(given.pop(name, None) for name in
                           ("deadline", "protocol", "wait", "comment", "retries")), adapters)
    if given:
        raise TypeError(f"unknown options: {', '.join(given)}")
    return wire


class Branch:
    """The statements of a transaction at one participant: t["orders"].execute(...)."""

    def __init__(self, transaction, participant):
        self.transaction, self.participant = transaction, participant

    def execute(self, sql, params=(), expect=None, timeout=None):
        return self.transaction.execute(self.participant, sql, params, expect, timeout)

    def executemany(self, sql, many, timeout=None):
        return self.transaction.executemany(self.participant, sql, many, timeout)


class Transaction:
    """An interactive transaction. As a context manager it commits at the end of the block, and rolls back if the block raises."""

    CHUNK = 500  # statements of executemany() in one request

    def __init__(self, core, options):
        self._inner, self._pid = Interactive(core, **options), os.getpid()

    gtid = property(lambda self: self._inner.gtid)
    state = property(lambda self: self._inner.state)

    def _mine(self):
        if self._pid != os.getpid():
            raise UsageError("the transaction belongs to the parent process")
        return self._inner

    def begin(self):
        run(self._mine().begin())
        return self

    def __getitem__(self, participant):
        return Branch(self, participant)

    def execute(self, participant, sql, params=(), expect=None, timeout=None):
        """The Result. Raises Aborted (and the transaction is over) or Refused (it is still open)."""
        inner = self._mine()
        return run(inner.execute(participant, [statement(sql, params, expect, adapters=inner.core.adapters)], timeout))[0]

    def executemany(self, participant, sql, many, timeout=None):
        """A Result for each element of `many`, sent in few requests."""
        inner, out, chunk = self._mine(), [], []
        for params in many:
            chunk.append(statement(sql, params, adapters=inner.core.adapters))
            if len(chunk) == self.CHUNK:
                out += run(inner.execute(participant, chunk, timeout))
                chunk = []
        return out + (run(inner.execute(participant, chunk, timeout)) if chunk else [])

    def commit(self):
        """The Outcome. Raises Aborted, or InDoubt after the client's timeout."""
        return run(self._mine().commit())

    def rollback(self):
        run(self._mine().rollback())

    def __enter__(self):
        return self if self._inner.state == "open" else self.begin()

    def __exit__(self, kind, fault, trace):
        if self._pid != os.getpid():
            return
        if kind is not None:
            self.rollback()
        elif self._inner.state in ("open", "aborted"):  # aborted, and the block caught it: it must not look committed
            self.commit()


class Retry:
    """When and how to run a function again. Not the age of its transactions: that is in Interactive.retry_of."""

    def __init__(self, attempts, seconds):
        self.left, self.until, self.pause = attempts, time.monotonic() + seconds, 0.002

    def after(self, fault):
        """Seconds to wait before the next attempt. Raises the fault if there is none."""
        self.left -= 1
        pause = random.uniform(0.5, 1.0) * self.pause
        if isinstance(fault, Unavailable) and fault.retry_after:
            pause += fault.retry_after
        self.pause = min(self.pause * 2, 0.5)
        if not fault.retryable or self.left <= 0 or time.monotonic() + pause > self.until:
            raise fault
        return pause


class Client:
    """A connection pool to the coordinators of one cluster.

    endpoints  "host:port", several with commas or as a list; the port defaults to 7420
    timeout    seconds for a call as a whole: resolve, connect, send, receive, and sending again
    context    Context: what is sent with every request, for example a traceparent
    adapters   {type: function} for parameters
    tls_dir    directory with the files that `troth cert client` makes; None: plain TCP
    """

    def __init__(self, endpoints="127.0.0.1:7420", timeout=15.0, connect_timeout=2.0, context=None, adapters=None, pool_size=8,
                 tls_dir=None):
        self._made = dict(endpoints=endpoints, timeout=timeout, connect_timeout=connect_timeout, context=context or Context(client_name="python"),
                          adapters=adapters)
        self._pool_size, self._tls_dir = pool_size, tls_dir
        self._begin()

    def _begin(self):
        """Locks, sockets and credentials of this process."""
        pool = Pool(self._pool_size, Tls(self._tls_dir) if self._tls_dir else None)
        self._lock, self._pid, self._inner = threading.Lock(), os.getpid(), BlockingCore(pool=pool, **self._made)

    def _core(self):
        if self._pid != os.getpid():  # a child: the locks and the sockets here are the parent's
            self._inner.pool.inherited()
            self._begin()
        return self._inner

    # One-shot.

    def submit(self, request, timeout=None, **options):
        """Executes and commits a Request; returns the Outcome.

        Options: key, deadline (seconds to reach a decision), protocol, wait ("decided" or "applied"), comment, retries.
        Without a key one is made, so that a lost answer can be asked for again. Raises Aborted, InDoubt, Refused.
        """
        core = self._core()
        return run(core.submit(wire_request(request, options, core.adapters), core.deadline(timeout)))

    def execute(self, participant, sql, params=(), expect=None, snapshot=False, timeout=None, **options):
        """One statement as a transaction of its own; returns its Result (empty if a key was used before)."""
        outcome = self.submit(Request().on(participant, sql, params, expect, snapshot), timeout, **options)
        return outcome.results[participant][0] if outcome.results else None

    def submit_batch(self, requests, timeout=None, **options):
        """Many independent transactions in one call. One entry for each: an Outcome, or the Aborted, InDoubt or Refused that it ended with.

        A request is a Request, or a pair of a Request and a mapping of its options.
        """
        core = self._core()
        pairs = [(r, {}) if isinstance(r, Request) else r for r in requests]
        transactions = [wire_request(r, {**options, **own}, core.adapters) for r, own in pairs]
        return run(batch.submit(core, transactions, core.deadline(timeout)))

    def outcome(self, id=None, key=None, timeout=None):
        """What is known now: an Outcome with state "committed", "aborted", "pending" or "in_doubt". Raises NotFound."""
        core = self._core()
        return outcome_of(run(core.outcome(id, key, core.deadline(timeout))), key)

    def await_outcome(self, id=None, key=None, timeout=None):
        """Waits for the decision: the Outcome if it is committed. Raises Aborted, NotFound, or InDoubt if the time was too short."""
        core = self._core()
        return run(core.settle(id, key, "no answer yet", core.deadline(timeout)))

    # Interactive.

    def transaction(self, **options):
        """A Transaction, for `with`. Options: deadline, idle_timeout, wait, protocol, comment."""
        return Transaction(self._core(), options)

    def run(self, function, attempts=50, timeout=30.0, **options):
        """Calls function(transaction) and commits. A transaction that lost a conflict is run again and keeps its age, so it wins in the end.

        Returns what the function returned. The function may be called several times: it must have no effect but its statements.
        """
        retry, lost = Retry(attempts, timeout), None
        while True:
            transaction = Transaction(self._core(), {**options, "retry_of": lost})
            try:
                with transaction:
                    value = function(transaction)
                return value
            except (Aborted, Unavailable) as fault:
                lost = transaction._inner if transaction.gtid else lost
                time.sleep(retry.after(fault))

    # The rest.

    def extension(self, kind):
        """The one object of a class that belongs to this client, in this process. For libraries on top, instead of global state."""
        core = self._core()
        with self._lock:
            return core.extensions.setdefault(kind, kind())

    def server_info(self, timeout=None):
        """Version, name, role and features of a coordinator."""
        core = self._core()
        return run(core.server_info(core.deadline(timeout)))

    def close(self):
        """Closes idle connections. Open transactions keep theirs."""
        self._core().pool.close()

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.close()


def connect(endpoints="127.0.0.1:7420", timeout=15.0, context=None, **more):
    """A Client. Connects at the first call."""
    return Client(endpoints, timeout, context=context, **more)

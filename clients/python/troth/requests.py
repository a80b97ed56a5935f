"""Requests in the shape of the interface."""
import datetime

from troth import values
from troth.errors import InvalidRequest
from troth.sqltext import positional
from troth.v1.common.ttypes import AnswerAt, CommitProtocol, Expectation, ReadMode, RowCount, Statement
from troth.v1.coordinator.ttypes import Branch, Transaction

PROTOCOLS = {"two_phase": CommitProtocol.TWO_PHASE, "three_phase": CommitProtocol.THREE_PHASE}
WAITS = {"decided": AnswerAt.DECIDED, "applied": AnswerAt.APPLIED}
INT32_MAX = 2**31 - 1


def one_of(table, word, field):
    if word is None:
        return None
    if word not in table:
        raise InvalidRequest("INVALID_ARGUMENT", f"{field}: {word!r} is none of {', '.join(table)}")
    return table[word]


def milliseconds(seconds, field):
    """None stays None. Less than a millisecond is one: 0 would mean the server's default."""
    if seconds is None:
        return None
    if isinstance(seconds, datetime.timedelta):
        seconds = seconds.total_seconds()
    if not seconds > 0:
        raise InvalidRequest("INVALID_ARGUMENT", f"{field}: {seconds} is not a positive number of seconds")
    return min(max(1, round(seconds * 1000)), INT32_MAX)


def expectation(expect):
    """None, a number of rows, or "at least N"."""
    if expect is None:
        return None
    if isinstance(expect, str) and expect.startswith("at least "):
        kind, rows = RowCount.AT_LEAST, expect[len("at least "):]
    else:
        kind, rows = RowCount.EXACTLY, expect
    try:
        return Expectation(kind=kind, rows=int(rows))
    except ValueError:
        raise InvalidRequest("INVALID_ARGUMENT", f'expect: {expect!r} is neither a number of rows nor "at least N"') from None


def statement(sql, params=(), expect=None, snapshot=False, adapters=None):
    if not isinstance(sql, str):
        raise InvalidRequest("INVALID_ARGUMENT", f"sql: a {type(sql).__name__} is not a text")
    params = positional(sql, params)
    return Statement(sql=sql, params=[values.to_wire(v, f"parameter {i}", adapters) for i, v in enumerate(params, 1)],
                     expect=expectation(expect), read_mode=ReadMode.SNAPSHOT if snapshot else None)


class Request:
    """A transaction that is submitted at once. `on` may be called again for the same participant; statements keep their order.

        client.submit(Request().on("stock", "UPDATE ...", (1,), expect=1).on("ledger", "INSERT ..."))
    """

    def __init__(self, adapters=None):
        self.adapters = adapters
        self.branches = {}

    def on(self, participant, sql, params=(), expect=None, snapshot=False):
        self.branches.setdefault(participant, []).append((sql, params, expect, snapshot))
        return self

    def to_wire(self, key, deadline, protocol, wait, comment, retries, adapters):
        if not self.branches:
            raise InvalidRequest("INVALID_ARGUMENT", "the request has no statement", "call on(participant, sql) first")
        if key is not None and (not key or len(key.encode()) > 128):
            raise InvalidRequest("INVALID_ARGUMENT", "key: must have 1 to 128 bytes")
        adapters = self.adapters or adapters
        return Transaction(
            branches=[Branch(participant=name, statements=[statement(*s, adapters=adapters) for s in statements])
                      for name, statements in self.branches.items()],
            idempotency_key=key, deadline_ms=milliseconds(deadline, "deadline"), protocol=one_of(PROTOCOLS, protocol, "protocol"),
            answer_at=one_of(WAITS, wait, "wait"), comment=comment, retries=retries)

"""What a call can end with besides an answer.

The classes say what is known, because that decides what the program may do next:

  Aborted   nothing of the transaction is in any database. `retryable`: the same request may succeed.
  InDoubt   unknown. It may be committed. Ask; never submit it again as a new transaction.
  Refused   nothing was begun. The request, the state or the server's load was in the way.
"""


class TrothError(Exception):
    """Every error of this package."""


class Aborted(TrothError):
    """The transaction is aborted everywhere."""

    def __init__(self, code, reason, retryable=False, gtid=None, participant=None, statement=None):
        super().__init__(code, reason, retryable, gtid, participant, statement)
        self.code, self.reason, self.retryable, self.gtid = code, reason, retryable, gtid
        self.participant, self.statement = participant, statement

    def __str__(self):
        where = f" at {self.participant}" if self.participant else ""
        return f"aborted{where}: {self.code}: {self.reason}"


class InDoubt(TrothError):
    """The outcome is not known. The transaction may be committed."""

    def __init__(self, reason, key=None, gtid=None, asker=None):
        super().__init__(reason, key, gtid)
        self.reason, self.key, self.gtid = reason, key, gtid
        self._asker = asker

    def __str__(self):
        names = [f"key {self.key}"] if self.key else []
        names += [f"transaction {self.gtid}"] if self.gtid else []
        return f"the outcome of {' / '.join(names) or 'a transaction without a key'} is not known: {self.reason}"

    def __reduce__(self):
        return type(self), (self.reason, self.key, self.gtid)

    def await_outcome(self, timeout=30.0):
        """Asks until the outcome is known: the Outcome if it is committed, else Aborted. InDoubt again if the time was too short.

        With an AsyncClient the result is awaitable.
        """
        if self._asker is None and (self.key or self.gtid):
            raise UsageError(f"{self}; ask a client: client.await_outcome(id=..., key=...)")
        if self._asker is None:
            raise UsageError(f"{self}; without a key nobody can find out. Look at the data, and send a key next time")
        return self._asker(timeout)


class Refused(TrothError):
    """Nothing was begun, because the request does not fit the present state or the caller may not make it."""

    retryable = False

    def __init__(self, code, message, hint=None, retry_after=None, gtid=None):
        super().__init__(code, message, hint, retry_after, gtid)
        self.code, self.message, self.hint, self.retry_after, self.gtid = code, message, hint, retry_after, gtid

    def __str__(self):
        return f"{self.message} ({self.code})" + (f"; {self.hint}" if self.hint else "")


class InvalidRequest(Refused, ValueError):
    """A field or a value is missing, malformed or out of range. The message names it."""


class NotFound(Refused, LookupError):
    """The named thing does not exist."""


class Unavailable(Refused):
    """The server is busy, draining or not ready. `retry_after` seconds is the earliest useful retry."""

    retryable = True


class Unreachable(Unavailable):
    """No coordinator could be reached. Nothing was sent."""


class UsageError(TrothError):
    """The program used an object in a way that it forbids, for example a transaction that has ended."""

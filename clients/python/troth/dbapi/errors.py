"""The exceptions of PEP 249, made from those of troth. Each keeps the original as `troth`, with its code and whether a retry may help."""
import contextlib

import troth


class Warning(Exception):
    """Never raised."""


class Error(Exception):
    """`troth`: the error of the client, or None. `code`, `retryable`: from it."""

    def __init__(self, message="", troth=None):
        super().__init__(message)
        self.troth, self.code, self.retryable = troth, getattr(troth, "code", None), bool(getattr(troth, "retryable", False))


class InterfaceError(Error):
    """The program used an object after it was closed."""


class DatabaseError(Error):
    pass


class DataError(DatabaseError):
    """A value or a result that does not fit."""


class OperationalError(DatabaseError):
    """Aborted by a conflict or a deadline, not reachable, or SQL that the database does not compile (as in sqlite3)."""


class InDoubtError(OperationalError):
    """The outcome of a commit is not known. `await_outcome(timeout)` finds out; `key` and `gtid` name the transaction."""

    def __init__(self, message="", troth=None):
        super().__init__(message, troth)
        self.key, self.gtid = getattr(troth, "key", None), getattr(troth, "gtid", None)

    def await_outcome(self, timeout=30.0):
        with translated():
            return self.troth.await_outcome(timeout)


class IntegrityError(DatabaseError):
    """A constraint."""


class InternalError(DatabaseError):
    """A fault of the server."""


class ProgrammingError(DatabaseError):
    """Wrong number of parameters, a connection in the wrong state."""


class NotSupportedError(DatabaseError):
    """SQL that a participant refuses, or what troth cannot promise."""


ABORT_KINDS = {"CONSTRAINT": IntegrityError, "FK_VIOLATION": IntegrityError, "PARAMETER_COUNT": ProgrammingError, "RESULT_TOO_BIG": DataError,
               "BRANCH_TOO_BIG": DataError, "UNKNOWN_PARTICIPANT": ProgrammingError, "INTERNAL": InternalError}


def kind_of(fault):
    """The class of PEP 249 for an error of the client."""
    if isinstance(fault, troth.InDoubt):
        return InDoubtError
    if isinstance(fault, troth.Aborted):
        return NotSupportedError if fault.code.startswith("REFUSED_") else ABORT_KINDS.get(fault.code, OperationalError)
    if isinstance(fault, troth.InvalidRequest):
        return DataError if "64 bits" in fault.message or "surrogate" in fault.message else ProgrammingError
    if isinstance(fault, troth.Unavailable):
        return OperationalError
    return ProgrammingError


@contextlib.contextmanager
def translated():
    """Raises the errors of the client as those of PEP 249."""
    try:
        yield
    except troth.TrothError as fault:
        raise kind_of(fault)(str(fault), fault) from fault

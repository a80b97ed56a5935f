"""DB-API 2.0 (PEP 249), with its two-phase extension.

    connection = troth.dbapi.connect("troth://127.0.0.1:7420/stock")
    connection.execute("UPDATE items SET n = n - 1 WHERE id = ?", (1,))
    connection.execute("INSERT INTO entries VALUES (?)", (17,), participant="ledger")     # the same transaction
    connection.commit()
"""
import datetime
import time

import troth
from troth.dbapi.connection import Connection, parse
from troth.dbapi.cursor import Cursor
from troth.dbapi.errors import (DatabaseError, DataError, Error, InDoubtError, IntegrityError, InterfaceError, InternalError, NotSupportedError,
                                OperationalError, ProgrammingError, Warning, translated)
from troth.dbapi.twophase import Xid

apilevel = "2.0"
threadsafety = 1  # threads may share the module; a client may be shared, a connection may not
paramstyle = "qmark"  # :name with a mapping works as well
sqlite_version_info = (3, 40, 1)  # of Debian 12, which participants are built for
sqlite_version = "3.40.1"

Date, Time, Timestamp, Binary = datetime.date, datetime.time, datetime.datetime, memoryview


def DateFromTicks(ticks):
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks):
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks):
    return Timestamp(*time.localtime(ticks)[:6])


class _Type:
    """SQLite types values, not columns, so `description` names no type, and these compare equal to none."""


STRING, BINARY, NUMBER, DATETIME, ROWID = (_Type() for _ in range(5))


def connect(url, client=None, **options):
    """A Connection. `url`: troth://host:port/participant?timeout=5. With `client` the host of the URL does not matter.

    Options, also in the URL: timeout, autocommit, wait ("decided" or "applied"), deadline, idle_timeout (seconds), connect_timeout, tls_dir.
    """
    endpoints, participant, given = parse(url)
    given.update(options)
    network = {name: given.pop(name) for name in ("timeout", "connect_timeout", "context", "adapters", "tls_dir") if name in given}
    own = client is None
    with translated():
        return Connection(client or troth.Client(endpoints, pool_size=1, **network), participant, own, **given)


__all__ = ["BINARY", "Binary", "Connection", "Cursor", "DATETIME", "DataError", "DatabaseError", "Date", "DateFromTicks", "Error", "InDoubtError",
           "IntegrityError", "InterfaceError", "InternalError", "NUMBER", "NotSupportedError", "OperationalError", "ProgrammingError", "ROWID",
           "STRING", "Time", "TimeFromTicks", "Timestamp", "TimestampFromTicks", "Warning", "Xid", "apilevel", "connect", "paramstyle",
           "threadsafety"]

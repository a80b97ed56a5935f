"""troth: one transaction across several databases, in all of them or in none.

    import troth
    client = troth.connect("127.0.0.1:7420")
    with client.transaction() as t:
        t["orders"].execute("INSERT INTO orders VALUES (?, ?)", (17, "tea"))
        t["stock"].execute("UPDATE items SET n = n - 1 WHERE name = ?", ("tea",), expect=1)

asyncio: troth.aio. DB-API 2.0: troth.dbapi. SQLAlchemy: troth.sqlalchemy. See docs/clients/python.md.
"""
from troth.client import Client, Transaction, connect
from troth.context import Context
from troth.errors import (Aborted, InDoubt, InvalidRequest, NotFound, Refused, TrothError, Unavailable, Unreachable, UsageError)
from troth.requests import Request
from troth.rows import Outcome, Result, Row
from troth.values import TextBytes

__version__ = "0.2.0"
__all__ = ["Aborted", "Client", "Context", "InDoubt", "InvalidRequest", "NotFound", "Outcome", "Refused", "Request", "Result", "Row", "TextBytes",
           "Transaction", "TrothError", "Unavailable", "Unreachable", "UsageError", "connect"]

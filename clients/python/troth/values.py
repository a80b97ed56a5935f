"""SQL values: SQLite's five storage classes as Python values, both ways.

  None NULL · int INTEGER (64 bits, bool too) · float REAL · str TEXT · bytes, bytearray, memoryview BLOB
  TextBytes  TEXT that is not UTF-8, its bytes as they are
  Decimal    TEXT, so that no digit is lost · date, time, datetime ISO 8601 as TEXT · UUID TEXT

`adapters` maps further types to functions that return one of these. Nothing is registered globally.
"""
import datetime
import decimal
import math
import uuid

from troth.errors import InvalidRequest
from troth.v1.common.ttypes import SqlValue

INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class TextBytes(bytes):
    """TEXT whose bytes are not UTF-8, as an older program wrote them."""

    def __repr__(self):
        return f"TextBytes({bytes(self)!r})"


def _datetime(value):
    return value.isoformat(" ")


DEFAULT_ADAPTERS = {
    decimal.Decimal: str,
    datetime.datetime: _datetime,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    uuid.UUID: str,
}


def _adapter(kind, adapters):
    for table in (adapters or {}, DEFAULT_ADAPTERS):
        for base in kind.__mro__:
            if base in table:
                return table[base]
    return None


def to_wire(value, where="parameter", adapters=None):
    """The SqlValue of a Python value. Raises InvalidRequest that names `where`."""
    if adapters and type(value) in adapters:
        value = adapters[type(value)](value)
    if value is None:
        return SqlValue(null_value=True)
    if isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise InvalidRequest("INVALID_ARGUMENT", f"{where}: {value} does not fit 64 bits", "send it as text or as a blob")
        return SqlValue(int_value=int(value))
    if isinstance(value, float):
        # SQLite has no NaN: it stores NULL. Say so here instead of changing the value.
        if math.isnan(value):
            raise InvalidRequest("INVALID_ARGUMENT", f"{where}: SQL has no NaN", "send None for NULL")
        return SqlValue(real_value=float(value))
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("INVALID_ARGUMENT", f"{where}: the text has half a surrogate pair, which UTF-8 cannot carry",
                                 "send troth.TextBytes for text that is not UTF-8") from None
        return SqlValue(text_value=str(value))
    if isinstance(value, TextBytes):
        try:
            return SqlValue(text_value=value.decode())
        except UnicodeDecodeError:
            return SqlValue(text_bytes=bytes(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return SqlValue(blob_value=bytes(value))
    adapter = _adapter(type(value), adapters)
    if adapter is None:
        raise InvalidRequest("INVALID_ARGUMENT", f"{where}: no adapter for {type(value).__name__}", "pass adapters={type: function} to the client")
    return to_wire(adapter(value), where, {})


def from_wire(value):
    """The Python value of a SqlValue."""
    if value.int_value is not None:
        return value.int_value
    if value.text_value is not None:
        return value.text_value
    if value.real_value is not None:
        return value.real_value
    if value.blob_value is not None:
        return value.blob_value
    if value.text_bytes is not None:
        return TextBytes(value.text_bytes)
    return None

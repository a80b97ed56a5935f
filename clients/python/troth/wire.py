"""Calls as bytes and answers from bytes: framed, strict binary protocol, multiplexed by service name. No socket here.

Every call has a sequence number, and the answer must carry it: an answer that comes too late for one call must not be taken for the answer
to the next.
"""
import struct

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TProtocol import TProtocolException
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer, TTransportException

from troth import errors
from troth.v1.admin import Admin
from troth.v1.common import ttypes
from troth.v1.coordinator import Coordinator
from troth.v1.coordinator.ttypes import GetServerInfoRequest

PROTOCOL_ERROR = "PROTOCOL_ERROR"
MAX_FRAME = 16_384_000
HEAD = struct.Struct(">I")
SERVICES = {"Coordinator": Coordinator, "Admin": Admin}
FAULTS = ("invalid_argument", "not_found", "failed_precondition", "unavailable", "in_doubt", "internal")


class BadAnswer(Exception):
    """The bytes are not an answer to the call. Nothing is known of what the server did."""


class ServerInDoubt(Exception):
    """The server does not know the outcome, or failed while it worked on it."""

    def __init__(self, message, gtid=None):
        super().__init__(message)
        self.message, self.gtid = message, gtid


def encode(service, method, request, sequence):
    """The frame of a call."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocolAccelerated(buffer, strictWrite=True)
    protocol.writeMessageBegin(f"{service}:{method}", TMessageType.CALL, sequence)
    try:
        getattr(SERVICES[service], method + "_args")(request).write(protocol)
    except (TypeError, OverflowError, AttributeError, struct.error) as fault:
        raise errors.InvalidRequest("INVALID_ARGUMENT", f"the request has a field of the wrong type: {fault}") from fault
    protocol.writeMessageEnd()
    body = buffer.getvalue()
    if len(body) > MAX_FRAME:
        raise errors.InvalidRequest("INVALID_ARGUMENT", f"the request has {len(body)} bytes, and at most {MAX_FRAME} are possible",
                                    "divide it into several transactions")
    return HEAD.pack(len(body)) + body


HELLO = encode("Coordinator", "getServerInfo", GetServerInfoRequest(), 0x7FFFFFFF)


def frame_length(head):
    """Of the four bytes in front of a frame."""
    length, = HEAD.unpack(head)
    if length > MAX_FRAME:
        raise BadAnswer(f"the answer announces {length} bytes; this is not a coordinator of troth")
    return length


def decode(service, method, body, sequence):
    """The response struct. Raises BadAnswer, ServerInDoubt or a Refused."""
    try:
        protocol = TBinaryProtocolAccelerated(TMemoryBuffer(body), strictRead=True)
        name, kind, number = protocol.readMessageBegin()
        if number != sequence or name.rpartition(":")[2] != method:
            raise BadAnswer(f"the answer belongs to {name} number {number}, not to {method} number {sequence}")
        if kind not in (TMessageType.REPLY, TMessageType.EXCEPTION):
            raise BadAnswer(f"the answer is a message of kind {kind}")
        if kind == TMessageType.EXCEPTION:
            fault = TApplicationException()
            fault.read(protocol)
            raise errors.InvalidRequest(PROTOCOL_ERROR, fault.message or "the server did not understand the call")
        result = getattr(SERVICES[service], method + "_result")()
        result.read(protocol)
    except (TProtocolException, TTransportException, EOFError, UnicodeDecodeError, struct.error, TypeError) as fault:
        raise BadAnswer(f"the answer cannot be read: {fault}") from fault
    if result.success is not None:
        return result.success
    for field in FAULTS:
        fault = getattr(result, field)
        if fault is not None:
            raise declared(fault)
    raise BadAnswer("the answer is empty")


def declared(fault):
    """The exception that stands for one that the interface declares."""
    if isinstance(fault, (ttypes.InDoubt, ttypes.Internal)):
        return ServerInDoubt(fault.message, fault.txn_id)
    kind = {ttypes.InvalidArgument: errors.InvalidRequest, ttypes.NotFound: errors.NotFound,
            ttypes.Unavailable: errors.Unavailable}.get(type(fault), errors.Refused)
    return refusal(kind, fault.code, fault.message, fault.hint, fault.retry_after_ms, fault.txn_id)


def refusal(kind, code, message, hint=None, retry_after_ms=None, gtid=None):
    retry_after = retry_after_ms / 1000 if retry_after_ms is not None else None
    return kind(code or "UNKNOWN", message or "the server gave no reason", hint, retry_after, gtid)

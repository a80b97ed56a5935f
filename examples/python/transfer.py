"""A client in Python, through the generated code and nothing else: commit, abort, and a crash in the middle.

  thrift --gen py -r -out gen thrift/idl/coordinator.thrift        (package thrift-compiler; python3-thrift for the runtime)
  PYTHONPATH=gen /usr/bin/python3 examples/python/transfer.py 127.0.0.1:7420 FROM TO [KEY]

Moves one cent between two participants that have a table accounts(id, cents). With a KEY it may be run again and again, also after
a lost connection: the transaction is done once.
"""
import sys
import time

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport, TTransportException
from troth.v1.common.ttypes import CallContext, Expectation, Outcome, RowCount, SqlValue, Statement
from troth.v1.coordinator import Coordinator
from troth.v1.coordinator.ttypes import Branch, SubmitRequest, Transaction


def connect(address):
    host, port = address.rsplit(":", 1)
    socket = TSocket(host, int(port))
    socket.setTimeout(10_000)
    transport = TFramedTransport(socket)
    transport.open()
    return Coordinator.Client(TMultiplexedProtocol(TBinaryProtocol(transport), "Coordinator")), transport


def move(source, target, cents, key=None):
    def change(by):
        return Statement(sql="UPDATE accounts SET cents = cents + ?1 WHERE id = ?2", params=[SqlValue(int_value=by), SqlValue(int_value=1)],
                         expect=Expectation(kind=RowCount.EXACTLY, rows=1))
    return Transaction(branches=[Branch(participant=source, statements=[change(-cents)]), Branch(participant=target, statements=[change(cents)])],
                       idempotency_key=key, comment="examples/python")


def submit(address, transaction, patience=20):
    """Asks again, over new connections, only because the transaction has a key: without one the outcome would be unknown."""
    until = time.monotonic() + patience
    while True:
        try:
            client, transport = connect(address)
            try:
                return client.submit(SubmitRequest(context=CallContext(client_name="python"), transaction=transaction)).outcome
            finally:
                transport.close()
        except (TTransportException, OSError):
            if transaction.idempotency_key is None or time.monotonic() > until:
                raise
            time.sleep(0.1)


def main(address, source, target, key=None):
    outcome = submit(address, move(source, target, 1, key))
    print(Outcome._VALUES_TO_NAMES[outcome.outcome], outcome.gtid, "(the first answer to this key)" if outcome.replayed else "")
    too_much = submit(address, move(source, target, 10**9))
    print(Outcome._VALUES_TO_NAMES[too_much.outcome], too_much.reason.code, "-", too_much.reason.detail)
    return 0 if outcome.outcome == Outcome.COMMITTED and too_much.outcome == Outcome.ABORTED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

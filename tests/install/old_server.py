"""A daemon of an older release, as far as the wire goes: built on code that was generated from the frozen interface, so whatever came later is unknown to it. Prints host:port."""
import sys
import time

from thrift.protocol import TBinaryProtocol
from thrift.server import TServer
from thrift.transport import TSocket, TTransport
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from troth.v1.admin import Admin
from troth.v1.admin import ttypes as admin
from troth.v1.common import ttypes as common
from troth.v1.coordinator import Coordinator
from troth.v1.coordinator import ttypes as coordinator

GTID = "3KQ8Z1W0V5T40000080000001F"


class Handler:
    def __init__(self):
        self.submitted = {}

    # Coordinator
    def submit(self, request):
        if not request.transaction.branches:
            raise common.InvalidArgument(code="INVALID_ARGUMENT", message="no branches")
        return coordinator.SubmitResponse(outcome=coordinator.TransactionOutcome(gtid=GTID, outcome=common.Outcome.COMMITTED, results=[]))

    def getOutcome(self, request):
        return coordinator.GetOutcomeResponse(outcome=coordinator.TransactionOutcome(gtid=request.gtid or GTID, outcome=common.Outcome.COMMITTED))

    # Admin
    def getStatus(self, request):
        log = common.NodePosition(log_id="0" * 32, epoch=3, durable_lsn=40)
        link = admin.LinkStatus(peer="stock", address="127.0.0.1:1", connected=True, since_unix_ms=int(time.time() * 1000), last_error="", rtt_us=100)
        return admin.GetStatusResponse(status=admin.NodeStatus(name="c0", role=common.Role.COORDINATOR, state="ready", position=log, appended_lsn=40, up_ms=5000, version="0.0.1",
                                                               links=[link], counters={"committed": 7, "live": 0}, in_doubt=0, oldest_in_doubt_ms=0, alarms=[]))

    @staticmethod
    def summary():
        return admin.TransactionSummary(gtid=GTID, state="committing", protocol="two_phase", age_ms=134000, decision="commit", waiting_for=["stock"], attempts=12,
                                        next_retry_ms=800, comment="checkout")

    def listTransactions(self, request):
        return admin.ListTransactionsResponse(transactions=[self.summary()])

    def showTransaction(self, request):
        if not GTID.endswith(request.id):
            raise common.NotFound(code="NOT_FOUND", message="no such transaction")
        branch = admin.BranchDetail(participant="stock", vote="in", state="not acknowledged", attempts=12, last_error="Connection refused", statements=["UPDATE items SET n = 1"])
        return admin.ShowTransactionResponse(transaction=admin.TransactionDetail(summary=self.summary(), branches=[branch], explanation="COMMIT is durable.", events=["+0 ms"]))

    def retryTransactions(self, request):
        return admin.RetryTransactionsResponse(poked=1)


def main():
    handler = Handler()
    processor = TMultiplexedProcessor()
    processor.registerProcessor("Coordinator", Coordinator.Processor(handler))
    processor.registerProcessor("Admin", Admin.Processor(handler))
    socket = TSocket.TServerSocket("127.0.0.1", 0)
    socket.listen()
    print(f"127.0.0.1:{socket.handle.getsockname()[1]}", flush=True)
    socket.listen = lambda: None  # the server would bind once more
    server = TServer.TThreadedServer(processor, socket, TTransport.TFramedTransportFactory(), TBinaryProtocol.TBinaryProtocolFactory(), daemon=True)
    server.serve()


if __name__ == "__main__":
    sys.exit(main())

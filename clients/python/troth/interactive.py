"""An interactive transaction as coroutines: begin, execute, commit, roll back. It owns one connection until it ends.

The server aborts the transaction when that connection closes. So whatever goes wrong before COMMIT was sent ends in an abort that is known
here, and only a COMMIT without an answer is in doubt.
"""
from troth import rows
from troth.core import PROTOCOL_ERROR, UNKNOWN, aborted, outcome_of
from troth.deadline import Deadline
from troth.errors import Aborted, Refused, Unavailable, Unreachable, UsageError
from troth.links import NotSent
from troth.requests import PROTOCOLS, WAITS, milliseconds, one_of
from troth.v1.common.ttypes import Outcome as Wire
from troth.v1.coordinator.ttypes import BeginRequest, CommitRequest, ExecuteRequest, RollbackRequest

GRACE = 2.0  # seconds after the deadline of the transaction: the server answers at that deadline


class Interactive:
    """One thread, or one task, at a time."""

    def __init__(self, core, deadline=None, idle_timeout=None, wait=None, protocol=None, comment=None, retry_of=None):
        self.core, self.retry_of = core, retry_of
        self.request = BeginRequest(
            deadline_ms=milliseconds(deadline, "deadline"), idle_timeout_ms=milliseconds(idle_timeout, "idle_timeout"),
            answer_at=one_of(WAITS, wait, "wait"), protocol=one_of(PROTOCOLS, protocol, "protocol"), comment=comment,
            retry_of=retry_of.gtid if retry_of else None)
        self.state, self.gtid, self.link, self.ends, self.end = "new", None, None, None, None

    async def begin(self):
        """Opens it at any coordinator; at that of the transaction it repeats, which knows its age, if there is one."""
        self.request.context = self.core.context.to_wire()
        until, problems, busy = self.core.deadline(None), [], None
        order = self.core.endpoints.order()
        if self.retry_of is not None and self.retry_of.endpoint in order:
            order.sort(key=lambda e: e is not self.retry_of.endpoint)
        for endpoint in order:
            try:
                answer = await self.open(endpoint, until)
                self.state, self.gtid = "open", answer.gtid
                self.ends = Deadline(answer.deadline_ms / 1000 + GRACE)
                return
            except UNKNOWN + (NotSent,) as fault:  # an open transaction without its connection is aborted: it does no harm
                self.core.endpoints.failed(endpoint)
                problems.append(f"{endpoint.name}: {fault}")
            except Unavailable as fault:
                busy = fault
        raise busy or Unreachable("UNREACHABLE", "cannot begin a transaction: " + ", ".join(problems))

    async def open(self, endpoint, until):
        link = await self.core.pool.take(endpoint, until.within(self.core.connect_timeout))
        try:
            answer = await self.core.on_link(link, "Coordinator", "beginTransaction", self.request, until)
        except BaseException:
            link.close()
            raise
        self.core.endpoints.began(endpoint)
        self.core.endpoints.answered(endpoint)
        self.link = link
        return answer

    @property
    def endpoint(self):
        return self.link.endpoint

    def must_be_open(self):
        if self.state == "aborted":
            raise self.end
        if self.state != "open":
            raise UsageError(f"the transaction is {self.state}; begin another one")

    def finish(self, state, end=None, usable=False):
        """Leaves the connection. Not usable: closes it, and the server aborts what is still open there."""
        self.state, self.end = state, end
        self.core.endpoints.ended(self.link.endpoint)
        self.core.pool.give_back(self.link) if usable else self.link.close()
        return end

    def lost(self, why):
        """The connection broke before COMMIT was sent."""
        return self.finish("aborted", Aborted("CONNECTION_LOST", f"the connection to {self.link.endpoint.name} ended, and the transaction with it: {why}",
                                              True, self.gtid))

    async def execute(self, participant, statements, timeout=None):
        """One Result for each statement. Raises Aborted; Refused leaves the transaction open."""
        self.must_be_open()
        request = ExecuteRequest(context=self.core.context.to_wire(), gtid=self.gtid, participant=participant, statements=statements)
        until = self.ends if timeout is None else self.ends.within(timeout)
        try:
            answer = await self.core.on_link(self.link, "Coordinator", "execute", request, until)
        except UNKNOWN + (NotSent,) as fault:
            raise self.lost(fault) from fault
        except Refused as fault:
            if fault.code == PROTOCOL_ERROR:  # the server closes the connection
                raise self.lost(fault) from fault
            raise
        except BaseException:  # cancelled, interrupted: the connection is closed
            self.lost("the call was interrupted")
            raise
        if answer.ended is not None:
            raise self.ended(answer.ended)
        return [rows.from_wire(r) for r in answer.results or []]

    def ended(self, outcome):
        if outcome.outcome == Wire.ABORTED:
            return self.finish("aborted", aborted(outcome), usable=True)
        return self.lost(f"the server answers that it is {outcome_of(outcome).state}")

    async def commit(self):
        """The Outcome. Raises Aborted or InDoubt."""
        self.must_be_open()
        request = CommitRequest(context=self.core.context.to_wire(), gtid=self.gtid)
        # "applied" may take longer than the decision: the answer comes at the deadline at the latest.
        try:
            answer = (await self.core.on_link(self.link, "Coordinator", "commit", request, self.ends)).outcome
        except NotSent as fault:
            raise self.lost(fault) from fault
        except UNKNOWN as fault:
            return await self.unknown(str(fault))
        except Refused as fault:
            return await self.unknown(str(fault))
        except BaseException:
            self.finish("in doubt")
            raise
        if answer.outcome == Wire.ABORTED:
            raise self.finish("aborted", aborted(answer), usable=True)
        if answer.outcome == Wire.COMMITTED:
            self.finish("committed", usable=True)
            return outcome_of(answer)
        return await self.unknown("the coordinator has not decided it yet")

    async def unknown(self, reason):
        """COMMIT was sent and there is no outcome: asks the coordinator that minted the gtid."""
        endpoint = self.link.endpoint
        self.finish("in doubt")
        try:
            outcome = await self.core.settle(self.gtid, None, reason, self.core.deadline(None), endpoint)
        except Aborted as fault:
            if fault.code == "CLIENT_CANCELLED":  # COMMIT did not arrive; the server saw the connection close, and that is no wish of the program
                fault = Aborted("CONNECTION_LOST", f"COMMIT did not arrive: {reason}", True, self.gtid)
            self.state, self.end = "aborted", fault
            raise fault from None
        self.state = "committed"
        return outcome

    async def rollback(self):
        """Never fails: an end of the connection rolls back as well."""
        if self.state != "open":
            return
        try:
            request = RollbackRequest(context=self.core.context.to_wire(), gtid=self.gtid)
            await self.core.on_link(self.link, "Coordinator", "rollback", request, self.core.deadline(None))
            self.finish("rolled back", usable=True)
        except (NotSent, Refused) + UNKNOWN:
            self.finish("rolled back")
        except BaseException:
            self.finish("rolled back")
            raise


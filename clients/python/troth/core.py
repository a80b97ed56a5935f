"""What the blocking and the asyncio client have in common: calls, the rule for sending again, outcomes.

Written as coroutines over a pool (troth/links.py or troth/aio.py). The blocking pool never suspends, so troth/client.py runs the
coroutines to their end without an event loop.

The rule for sending again:
  nothing was sent, or the server said that nothing was done     any coordinator
  sent, no answer, with a key                                    the same coordinator, until the deadline
  sent, no answer, without a key                                 never: InDoubt
"""
from troth import rows, wire
from troth.deadline import Deadline
from troth.endpoints import Endpoints
from troth.errors import Aborted, InDoubt, InvalidRequest, NotFound, Refused, Unavailable, Unreachable
from troth.links import Lost, NotSent
from troth.v1.common.ttypes import Outcome as Wire
from troth.v1.coordinator.ttypes import AwaitOutcomesRequest, GetOutcomeRequest, GetServerInfoRequest, SubmitRequest

STATES = {Wire.PENDING: "pending", Wire.COMMITTED: "committed", Wire.ABORTED: "aborted"}
PROTOCOL_ERROR = wire.PROTOCOL_ERROR
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
UNKNOWN = (Lost, wire.BadAnswer, wire.ServerInDoubt)  # the request arrived, perhaps; its effect is not known


class LostAt(Exception):
    """The answer of one endpoint was lost."""

    def __init__(self, endpoint, cause):
        super().__init__(str(cause))
        self.endpoint, self.cause = endpoint, cause


def outcome_of(answer, key=None):
    """Outcome of the interface's struct. A state that this program does not know is in doubt."""
    results = {b.participant: [rows.from_wire(r) for r in b.results or []] for b in answer.results or []}
    return rows.Outcome(STATES.get(answer.outcome, "in_doubt"), answer.gtid, key, results, bool(answer.replayed), answer.attempts or 1,
                        bool(answer.applied), aborted(answer) if answer.reason else None)


def aborted(answer):
    reason = answer.reason
    if reason is None:
        return Aborted("UNKNOWN", "the server gave no reason", False, answer.gtid)
    return Aborted(reason.code or "UNKNOWN", reason.detail or "the server gave no reason", bool(reason.retryable), answer.gtid, reason.participant,
                   reason.statement)


class Core:
    def __init__(self, endpoints, pool, timeout, connect_timeout, context, adapters):
        self.endpoints, self.pool = Endpoints(endpoints), pool
        self.timeout, self.connect_timeout, self.context, self.adapters = timeout, connect_timeout, context, adapters
        self.extensions = {}

    def deadline(self, timeout):
        if timeout is not None and not timeout > 0:
            raise InvalidRequest("INVALID_ARGUMENT", f"timeout: {timeout} is not a positive number of seconds")
        return Deadline(self.timeout if timeout is None else timeout)

    # One call.

    async def on_link(self, link, service, method, request, deadline):
        """A call on a connection that the caller holds. The connection is closed unless the answer was read as a whole."""
        link.sequence = link.sequence % 0x7FFFFFFF + 1
        frame = wire.encode(service, method, request, link.sequence)
        whole = False
        try:
            body = await link.exchange(frame, deadline)
            whole = True
        finally:
            if not whole:
                link.close()
        try:
            return wire.decode(service, method, body, link.sequence)
        except (wire.BadAnswer, Refused) as fault:
            if getattr(fault, "code", PROTOCOL_ERROR) == PROTOCOL_ERROR:
                link.close()  # so does the server
            raise

    async def at(self, endpoint, service, method, request, deadline):
        """A call to one coordinator. Raises NotSent, LostAt, Refused."""
        self.endpoints.began(endpoint)
        link, usable = None, False
        try:
            link = await self.pool.take(endpoint, deadline.within(self.connect_timeout))
            answer = await self.on_link(link, service, method, request, deadline)
            usable = True
            self.endpoints.answered(endpoint)
            return answer
        except NotSent:
            self.endpoints.failed(endpoint)
            raise
        except UNKNOWN as fault:
            usable = isinstance(fault, wire.ServerInDoubt)
            raise LostAt(endpoint, fault) from fault
        except Refused as fault:
            usable = fault.code != PROTOCOL_ERROR
            if isinstance(fault, Unavailable):
                self.endpoints.failed(endpoint)
            raise
        finally:
            self.endpoints.ended(endpoint)
            if link is not None:
                self.pool.give_back(link) if usable else link.close()

    async def anywhere(self, service, method, request, deadline):
        """A call to the first coordinator that takes it. Raises LostAt, Refused."""
        busy, problems = None, []
        for endpoint in self.endpoints.order():
            if deadline.passed():
                problems.append(f"{endpoint.name}: no time left")
                break
            try:
                return await self.at(endpoint, service, method, request, deadline)
            except NotSent as fault:
                problems.append(str(fault))
            except Unavailable as fault:
                busy = fault
        raise busy or Unreachable("UNREACHABLE", "cannot reach a coordinator: " + ", ".join(problems))

    # Outcomes.

    async def submit(self, transaction, deadline):
        """The Outcome of a one-shot transaction. Raises Aborted, InDoubt, Refused."""
        key = transaction.idempotency_key
        try:
            answer = await self.anywhere("Coordinator", "submit", self.submission(transaction), deadline)
        except LostAt as lost:
            gtid = getattr(lost.cause, "gtid", None)
            if key is None and gtid is not None:  # the server named it
                return await self.settle(gtid, None, str(lost), deadline, lost.endpoint)
            if key is None:
                raise InDoubt(str(lost)) from lost
            return await self.submit_again(lost.endpoint, transaction, str(lost), deadline)
        if answer.outcome.outcome in (Wire.COMMITTED, Wire.ABORTED):
            return self.decided(answer.outcome, key)
        return await self.settle(answer.outcome.gtid, key, "the coordinator has not decided it yet", deadline)

    def submission(self, transaction):
        return SubmitRequest(context=self.context.to_wire(), transaction=transaction)

    async def submit_again(self, endpoint, transaction, reason, deadline):
        """The same request with its key, to the same coordinator, until it answers."""
        key, pause = transaction.idempotency_key, FIRST_PAUSE

        def later(timeout):
            return self.submit_again(endpoint, transaction, reason, self.deadline(timeout))
        while not deadline.passed():
            try:
                answer = (await self.at(endpoint, "Coordinator", "submit", self.submission(transaction), deadline)).outcome
                if answer.outcome in (Wire.COMMITTED, Wire.ABORTED):
                    return self.decided(answer, key)
                reason = "the coordinator has not decided it yet"
            except (NotSent, LostAt, Unavailable) as fault:
                reason = str(fault)
            except Refused as fault:
                if fault.code == "KEY_REUSED":
                    raise  # the key belongs to another body: the first request cannot have been executed under it
                raise InDoubt(f"asking again was refused: {fault}", key, None, self.asker(later)) from fault
            await self.pool.pause(min(pause, deadline.left()))
            pause = min(pause * 2, LONGEST_PAUSE)
        raise InDoubt(reason, key, None, self.asker(later))

    def decided(self, answer, key):
        if answer.outcome == Wire.ABORTED:
            raise aborted(answer)
        return outcome_of(answer, key)

    async def settle(self, gtid, key, reason, deadline, endpoint=None):
        """Asks for the outcome of a gtid, or of a key, until it is known. `endpoint`: the coordinator that minted the gtid, if it is known."""
        pause = FIRST_PAUSE
        first = gtid, endpoint

        def later(timeout):
            return self.settle(first[0], key, reason, self.deadline(timeout), first[1])
        while not deadline.passed():
            try:
                answer = await self.ask(gtid, key, deadline, endpoint)
                pause = FIRST_PAUSE
                if answer.outcome in (Wire.COMMITTED, Wire.ABORTED):
                    return self.decided(answer, key)
                gtid = answer.gtid or gtid
                reason = answer.reason.detail if answer.reason and answer.reason.detail else "it is not decided yet"
            except (NotSent, LostAt, Unavailable) as fault:
                reason = str(fault)
            await self.pool.pause(min(pause, deadline.left()))
            pause = min(pause * 2, LONGEST_PAUSE)
        raise InDoubt(reason, key, gtid, self.asker(later))

    async def ask(self, gtid, key, deadline, endpoint=None):
        """The present answer. Waits for the decision a while if the gtid is known. Raises NotSent, LostAt, Refused."""
        if gtid and endpoint is not None:
            wait = int(min(deadline.left() * 0.8, 5.0) * 1000)
            request = AwaitOutcomesRequest(context=self.context.to_wire(), gtids=[gtid], max_wait_ms=wait)
            return (await self.at(endpoint, "Coordinator", "awaitOutcomes", request, deadline)).outcomes[0]
        return await self.outcome(gtid, key, deadline)

    async def outcome(self, gtid, key, deadline):
        """As known now, from the coordinator that knows it. NotFound only if every coordinator answered that it does not know."""
        if (gtid is None) == (key is None) and not gtid:
            raise InvalidRequest("INVALID_ARGUMENT", "outcome: give an id or a key")
        request = GetOutcomeRequest(context=self.context.to_wire(), gtid=gtid, idempotency_key=None if gtid else key)
        missing, silent = None, None
        for endpoint in self.endpoints.order():
            try:
                return (await self.at(endpoint, "Coordinator", "getOutcome", request, deadline)).outcome
            except NotFound as fault:
                missing = fault
            except (NotSent, LostAt, Unavailable) as fault:
                silent = fault
        if silent is not None:
            raise Unavailable("UNAVAILABLE", f"the outcome cannot be looked up now: {silent}")
        raise missing

    async def server_info(self, deadline):
        try:
            return await self.anywhere("Coordinator", "getServerInfo", GetServerInfoRequest(context=self.context.to_wire()), deadline)
        except LostAt as lost:
            raise Unavailable("UNAVAILABLE", f"{lost.endpoint.name}: {lost}") from lost

    def asker(self, later):
        """A function of a timeout for InDoubt. The blocking client runs the coroutine; asyncio's hands it out."""
        return later

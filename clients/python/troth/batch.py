"""submitBatch: independent transactions in one call, each with an end of its own."""
from troth import wire
from troth.core import LostAt, outcome_of, aborted
from troth.errors import Aborted, InDoubt, InvalidRequest, NotFound, Refused, Unavailable
from troth.v1.common.ttypes import Outcome as Wire
from troth.v1.coordinator.ttypes import SubmitBatchRequest

KINDS = {"invalid_argument": InvalidRequest, "not_found": NotFound, "busy": Unavailable, "unavailable": Unavailable, "no_space": Unavailable,
         "timeout": Unavailable, "internal": Unavailable, "io": Unavailable}


def refused(refusal):
    kind = KINDS.get((refusal.error or "").lower(), Refused)
    return wire.refusal(kind, refusal.code or refusal.error, refusal.message, None, refusal.retry_after_ms)


async def submit(core, transactions, deadline):
    """One entry for each transaction, in order: an Outcome, Aborted, InDoubt or Refused."""
    if not transactions:
        return []
    wait = int(deadline.left() * 0.8 * 1000)
    request = SubmitBatchRequest(context=core.context.to_wire(), transactions=transactions, wait_ms=wait)
    try:
        items = (await core.anywhere("Coordinator", "submitBatch", request, deadline)).items
    except LostAt as lost:
        # The rule for one request holds for each: those with a key are sent again, to the same coordinator.
        return [await again(core, lost, transaction, deadline) for transaction in transactions]
    return [await one(core, item, transaction, deadline) for item, transaction in zip(items, transactions)]


async def again(core, lost, transaction, deadline):
    if transaction.idempotency_key is None:
        return InDoubt(str(lost))
    return await caught(core.submit_again(lost.endpoint, transaction, str(lost), deadline))


async def one(core, item, transaction, deadline):
    if item.refusal is not None:
        return refused(item.refusal)
    key, answer = transaction.idempotency_key, item.outcome
    if answer.outcome == Wire.ABORTED:
        return aborted(answer)
    if answer.outcome == Wire.COMMITTED:
        return outcome_of(answer, key)
    if key is None and not answer.gtid:
        return InDoubt("it is not decided yet, and it has no key")
    return await caught(core.settle(answer.gtid, key, "it is not decided yet", deadline))


async def caught(coroutine):
    try:
        return await coroutine
    except (Aborted, InDoubt, Refused) as fault:
        return fault

"""The two-phase extension of PEP 249: several connections with one global transaction id are one transaction of troth.

troth itself is the transaction manager, so the mapping is this:
  tpc_begin(xid)   the first connection begins the transaction; others with the same global transaction id join it
  tpc_prepare()    the connection sends no more statements. Nothing is promised yet: the coordinator prepares when it commits
  tpc_commit()     the first call commits everything, once every connection has prepared; the others receive the same answer
  tpc_rollback()   rolls back everything
  tpc_recover()    transactions whose COMMIT was sent and that have not ended everywhere. troth finishes them by itself;
                   tpc_commit(xid) and tpc_rollback(xid) wait for the outcome and raise if it is the other one
"""
import threading

import troth
from troth import client as blocking
from troth.v1.admin.ttypes import ListTransactionsRequest, TransactionFilter

MARK = "xid "  # how the comment of such a transaction begins


class Xid(tuple):
    """(format_id, global_transaction_id, branch_qualifier)."""

    def __new__(cls, format_id, global_transaction_id, branch_qualifier=""):
        for text in (global_transaction_id, branch_qualifier):
            if len(text.encode()) > 64:
                raise troth.InvalidRequest("INVALID_ARGUMENT", f"xid: {text!r} is longer than 64 bytes")
        return super().__new__(cls, (int(format_id), global_transaction_id, branch_qualifier))

    format_id = property(lambda self: self[0])
    global_transaction_id = property(lambda self: self[1])
    branch_qualifier = property(lambda self: self[2])

    @classmethod
    def of(cls, xid):
        """A text is a global transaction id."""
        return cls(0, xid) if isinstance(xid, str) else cls(*xid)

    @property
    def group(self):
        return self[:2]

    def comment(self):
        return f"{MARK}{self.format_id} {self.global_transaction_id}"

    @classmethod
    def from_comment(cls, comment):
        number, _, text = comment[len(MARK):].partition(" ")
        return cls(number, text)


class Group:
    """One transaction of troth and the branches that share it. Its lock lets one of them work at a time."""

    def __init__(self, transaction):
        self.transaction, self.lock = transaction, threading.RLock()
        self.branches, self.outcome, self.end = set(), None, None

    def settle(self):
        """Commits once; every branch receives the same answer."""
        if self.end is not None:
            raise self.end
        if self.outcome is None:
            if not all(branch.prepared for branch in self.branches):
                raise troth.UsageError("another connection of this transaction has not prepared")
            try:
                self.outcome = self.transaction.commit()
            except troth.TrothError as fault:
                self.end = fault
                raise
        return self.outcome


class Branch:
    """What one connection has of a group."""

    def __init__(self, groups, xid, group):
        self.groups, self.xid, self.group, self.prepared = groups, xid, group, False
        group.branches.add(self)

    def work(self, function):
        with self.group.lock:
            if self.group.end is not None:
                raise self.group.end
            if self.prepared:
                raise troth.UsageError("the branch is prepared: commit it or roll it back")
            return function(self.group.transaction)

    def prepare(self):
        with self.group.lock:
            if self.group.end is not None:
                raise self.group.end
            self.group.transaction._inner.must_be_open()
            self.prepared = True

    def commit(self):
        with self.group.lock:
            if len(self.group.branches) == 1:
                self.prepared = True  # alone, one phase is enough
            try:
                self.group.settle()
            except troth.UsageError:
                raise
            except troth.TrothError:
                self.leave()
                raise
            self.leave()

    def rollback(self):
        with self.group.lock:
            if self.group.outcome is not None:
                raise troth.UsageError("the transaction is committed already")
            if isinstance(self.group.end, troth.InDoubt):
                self.leave()
                raise self.group.end
            self.leave()

    def leave(self):
        """The connection is done with it. What was not committed is rolled back: the others find that out at their next call."""
        with self.group.lock:
            self.groups.left(self)
            if self.group.outcome is None and self.group.end is None:
                self.group.transaction.rollback()
                self.group.end = troth.Aborted("CLIENT_CANCELLED", "a connection of this transaction rolled it back", False, self.group.transaction.gtid)


class Groups:
    """The groups of one client. Thread-safe."""

    def __init__(self):
        self.lock, self.open, self.in_doubt = threading.Lock(), {}, {}

    def join(self, client, xid, options):
        with self.lock:
            group = self.open.get(xid.group)
            if group is None:
                group = self.open[xid.group] = Group(client.transaction(**options, comment=xid.comment()).begin())
            return Branch(self, xid, group)

    def left(self, branch):
        """A group whose last branch left is forgotten, unless its outcome is in doubt."""
        with self.lock:
            group = branch.group
            group.branches.discard(branch)
            if isinstance(group.end, troth.InDoubt):
                self.in_doubt[branch.xid.group] = group
            if not group.branches and self.open.get(branch.xid.group) is group:
                del self.open[branch.xid.group]

    def unfinished(self, client):
        with self.lock:
            found = {Xid(*group) for group in self.in_doubt}
        return sorted(found | {Xid.from_comment(t.comment) for t in self.listed(client)})

    def listed(self, client):
        """Transactions with the mark of this module that are past COMMIT, from the first coordinator that answers."""
        core, after, out = client._core(), None, []
        while True:
            request = ListTransactionsRequest(context=core.context.to_wire(), filter=TransactionFilter.ACTIVE, limit=1000, after=after)
            page = blocking.run(core.anywhere("Admin", "listTransactions", request, core.deadline(None)))
            out += [t for t in page.transactions or [] if (t.comment or "").startswith(MARK) and t.state != "open"]
            after = page.next_after
            if not after:
                return out

    def finish(self, client, xid, commit):
        """Waits for the outcome of a transaction that tpc_recover() named."""
        with self.lock:
            group = self.in_doubt.get(xid.group)
        gtid = group.transaction.gtid if group else next((t.gtid for t in self.listed(client) if Xid.from_comment(t.comment).group == xid.group), None)
        if gtid is None:
            raise troth.NotFound("NOT_FOUND", f"no unfinished transaction has the xid {tuple(xid)}")
        try:
            client.await_outcome(id=gtid)
            committed = True
        except troth.Aborted as fault:
            committed, reason = False, fault
        with self.lock:
            self.in_doubt.pop(xid.group, None)
        if commit and not committed:
            raise reason
        if committed and not commit:
            raise troth.Refused("FAILED_PRECONDITION", "the transaction is committed: troth has decided it")

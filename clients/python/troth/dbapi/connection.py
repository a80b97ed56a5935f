"""A connection of PEP 249 to one database, or to several: each statement may name its participant."""
import sqlite3
import urllib.parse

import troth
from troth.dbapi import statements, twophase
from troth.dbapi.cursor import Cursor
from troth.dbapi.errors import InterfaceError, NotSupportedError, OperationalError, ProgrammingError, kind_of, translated

TIMES = ("timeout", "connect_timeout", "deadline", "idle_timeout")


def parse(url):
    """(endpoints, participant, options) of troth://host:port,host:port/participant?timeout=5&autocommit=1."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme.partition("+")[0] != "troth" or not parts.netloc:
        raise ProgrammingError(f"{url!r} is not troth://host:port/participant")
    options = dict(urllib.parse.parse_qsl(parts.query))
    for name in TIMES:
        if name in options:
            options[name] = float(options[name])
    if "autocommit" in options:
        options["autocommit"] = options["autocommit"].lower() in ("1", "true", "yes", "on")
    return parts.netloc, urllib.parse.unquote(parts.path.strip("/")) or None, options


class Connection:
    """One thread at a time. A transaction begins with the first statement and ends with commit() or rollback().

    After a statement failed the whole transaction is aborted, at every participant: only rollback() is possible then.
    """

    def __init__(self, client, participant, own, autocommit=False, wait=None, deadline=None, idle_timeout=60.0):
        self._client, self._own, self.participant = client, own, participant
        self.autocommit, self.row_factory, self.total_changes = autocommit, None, 0
        self._options = {"wait": wait, "deadline": deadline, "idle_timeout": idle_timeout}
        self._transaction = self._failed = self._branch = None
        self._lost = None  # the last transaction, if it lost a conflict: the next one inherits its age
        self._outermost = None  # the savepoint that began the transaction
        self._rowids, self._closed = {}, False

    # PEP 249.

    def cursor(self, participant=None):
        self._usable()
        return Cursor(self, participant)

    def commit(self):
        """Raises InDoubtError if the answer is lost, and any other Error if nothing was committed."""
        self._usable()
        if self._branch is not None:
            raise ProgrammingError("a two-phase transaction is open: tpc_commit()")
        transaction, failed = self._transaction, self._failed
        self._transaction = self._failed = self._outermost = None
        if failed is not None:
            raise OperationalError(f"nothing was committed, because the transaction had failed: {failed}", failed) from failed
        if transaction is not None:
            self._lost = None
            with translated():
                try:
                    transaction.commit()
                except troth.Aborted as fault:
                    self._remember(transaction, fault)
                    raise

    def rollback(self):
        self._usable()
        if self._branch is not None:
            raise ProgrammingError("a two-phase transaction is open: tpc_rollback()")
        transaction = self._transaction
        self._transaction = self._failed = self._outermost = None
        if transaction is not None:
            with translated():
                transaction.rollback()

    def close(self):
        """Rolls back what is open."""
        if self._closed:
            return
        if self._branch is not None:
            self._branch.leave()
            self._branch = None
        self.rollback()
        self._closed = True
        if self._own:
            self._client.close()

    # Two phases: see troth/dbapi/twophase.py.

    @staticmethod
    def xid(format_id, global_transaction_id, branch_qualifier):
        with translated():
            return twophase.Xid(format_id, global_transaction_id, branch_qualifier)

    def _groups(self):
        self._usable()
        if self._own:
            raise NotSupportedError("two-phase transactions need connections that share a client: connect(url, client=client)")
        return self._client.extension(twophase.Groups)

    def tpc_begin(self, xid):
        groups = self._groups()
        if self._transaction is not None or self._branch is not None:
            raise ProgrammingError("a transaction is open already")
        with translated():
            self._branch = groups.join(self._client, twophase.Xid.of(xid), self._options)

    def tpc_prepare(self):
        self._must_have_branch()
        with translated():
            self._branch.prepare()

    def tpc_commit(self, xid=None):
        if xid is not None:
            with translated():
                return self._groups().finish(self._client, twophase.Xid.of(xid), commit=True)
        self._must_have_branch()
        with translated():
            self._branch.commit()
        self._branch = None

    def tpc_rollback(self, xid=None):
        if xid is not None:
            with translated():
                return self._groups().finish(self._client, twophase.Xid.of(xid), commit=False)
        self._must_have_branch()
        branch, self._branch = self._branch, None
        with translated():
            branch.rollback()

    def tpc_recover(self):
        """The Xids whose COMMIT was sent and whose transaction has not ended everywhere."""
        with translated():
            return self._groups().unfinished(self._client)

    def _must_have_branch(self):
        self._usable()
        if self._branch is None:
            raise ProgrammingError("no two-phase transaction is open: tpc_begin(xid)")

    # What sqlite3 adds.

    def execute(self, sql, params=(), participant=None):
        return self.cursor().execute(sql, params, participant)

    def executemany(self, sql, many, participant=None):
        return self.cursor().executemany(sql, many, participant)

    def executescript(self, script):
        return self.cursor().executescript(script)

    @property
    def in_transaction(self):
        return self._transaction is not None or self._failed is not None or self._branch is not None

    @property
    def isolation_level(self):
        """As in sqlite3: None means autocommit."""
        return None if self.autocommit else "SERIALIZABLE"

    @isolation_level.setter
    def isolation_level(self, level):
        self.autocommit = level is None

    def __enter__(self):
        return self

    def __exit__(self, kind, fault, trace):
        self.rollback() if kind is not None else self.commit()

    # For the cursors.

    def _usable(self):
        if self._closed:
            raise InterfaceError("the connection is closed")
        return self

    def _begin(self):
        self._transaction = self._client.transaction(**self._options, retry_of=self._lost)
        with translated():
            self._transaction.begin()

    def _control(self, verb, sql):
        """BEGIN, COMMIT and the like as statements."""
        if verb == "begin":
            if self.in_transaction:
                raise OperationalError("cannot start a transaction within a transaction")
            self._begin()
        elif verb == "commit":
            self.commit()
        elif verb == "rollback":
            self.rollback()
        elif verb == "rollback_to":
            raise NotSupportedError("ROLLBACK TO is not possible: a part of a transaction cannot be undone; roll back and run it again")
        elif verb == "savepoint" and not self.in_transaction:
            self._begin()  # as in SQLite: the release of this savepoint commits
            self._outermost = statements.savepoint_name(sql)
        elif verb == "release" and self._outermost is not None and self._outermost == statements.savepoint_name(sql):
            self.commit()

    def _target(self, participant):
        participant = participant or self.participant
        if participant is None:
            raise ProgrammingError("which participant? name it in the URL, or pass participant= with the statement")
        return participant

    def _remember(self, transaction, fault):
        self._lost = transaction._inner if fault.retryable else None

    def _work(self, participant, shot, inside):
        """Runs shot(client, participant) in autocommit mode, else inside(transaction, participant)."""
        participant = self._target(participant)
        if self._branch is not None:
            with translated():
                return self._branch.work(lambda transaction: inside(transaction, participant))
        if self._failed is not None:
            raise OperationalError(f"the transaction is aborted: {self._failed}; roll back first", self._failed)
        if self.autocommit and self._transaction is None:
            with translated():
                return shot(self._client, participant)
        if self._transaction is None:
            self._begin()
        try:
            return inside(self._transaction, participant)
        except troth.TrothError as fault:
            if self._transaction.state != "open":
                self._failed = fault
                if isinstance(fault, troth.Aborted):
                    self._remember(self._transaction, fault)
                self._transaction = None
            self._forget_schema()
            raise kind_of(fault)(str(fault), fault) from fault

    def _execute(self, participant, sql, params):
        result = self._work(participant, lambda client, name: client.execute(name, sql, params, wait=self._options["wait"]),
                            lambda transaction, name: transaction.execute(name, sql, params))
        self.total_changes += result.changes
        return result

    def _executemany(self, participant, sql, many):
        def shot(client, name):
            request = troth.Request()
            for params in many:
                request.on(name, sql, params)
            return client.submit(request, wait=self._options["wait"]).results[name] if request.branches else []
        results = self._work(participant, shot, lambda transaction, name: transaction.executemany(name, sql, many))
        changes = sum(result.changes for result in results)
        self.total_changes += changes
        return changes

    def _has_rowid(self, table, participant):
        """Whether `INSERT ... RETURNING rowid` gives what sqlite3 calls lastrowid: not for views, virtual tables, WITHOUT ROWID."""
        place = self._target(participant), table.lower()
        if place not in self._rowids:
            found = self._execute(participant, "SELECT type, wr, EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE lower(name) = 'rowid')"
                                               " FROM pragma_table_list(?1) WHERE schema = 'main'", (table,)).first()
            self._rowids[place] = found is not None and tuple(found) == ("table", 0, 0)
        return self._rowids[place]

    def _forget_schema(self):
        self._rowids = {}

    @staticmethod
    def _split(script):
        """The statements of a script; a trigger's body is part of its statement."""
        begun = ""
        for piece in script.split(";"):
            begun += piece + ";"
            if sqlite3.complete_statement(begun):
                if begun.strip(" \t\r\n;"):
                    yield begun
                begun = ""
        if begun.strip(" \t\r\n;"):
            yield begun

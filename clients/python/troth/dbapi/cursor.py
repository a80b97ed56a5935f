"""Cursors of PEP 249. The rows of a result are all here when execute() returns: an answer has at most 1 MiB of them."""
from troth.dbapi import statements
from troth.dbapi.errors import InterfaceError, NotSupportedError, ProgrammingError


class Cursor:
    """`participant`: where its statements go; the connection's database if it is None."""

    arraysize = 1

    def __init__(self, connection, participant=None):
        self.connection, self.participant = connection, participant
        self.row_factory = connection.row_factory
        self.description, self.rowcount, self.lastrowid = None, -1, None
        self._rows, self._at, self._closed = [], 0, False

    def _usable(self):
        if self._closed:
            raise InterfaceError("the cursor is closed")
        return self.connection._usable()

    def execute(self, sql, params=(), participant=None):
        """Returns the cursor, as sqlite3 does."""
        connection, participant = self._usable(), participant or self.participant
        self._take(None)
        verb = statements.control(sql)
        if verb is not None:
            connection._control(verb, sql)
            return self
        if self._foreign_keys(sql, participant):
            return self
        sql = statements.readable_pragma(sql) or sql
        table = statements.inserted_table(sql)
        rowid = table is not None and connection._has_rowid(table, participant)
        if rowid:
            sql = statements.returning_rowid(sql)
        result = connection._execute(participant, sql, params)
        if rowid:
            if result.rows:
                self.lastrowid = result.rows[-1][0]
            result.columns, result.rows = [], []
        if statements.is_ddl(sql):
            connection._forget_schema()
        self._take(result)
        return self

    def _foreign_keys(self, sql, participant):
        """PRAGMA foreign_keys = x is accepted if the participant does that already: the setting belongs to the participant."""
        found = statements.pragma(sql)
        if found is None or found[0] != "foreign_keys" or found[1] is None and found[2] is None:
            return False
        wanted = (found[1] or found[2]).lower() in ("1", "on", "yes", "true")
        if bool(self.connection._execute(participant, "SELECT * FROM pragma_foreign_keys", ()).scalar()) != wanted:
            raise NotSupportedError("foreign keys are switched by the setting foreign-keys of the participant, not by a connection")
        return True

    def executemany(self, sql, many, participant=None):
        """Sent in few requests. `rowcount` is the sum; rows are not kept, as in sqlite3."""
        connection = self._usable()
        if statements.control(sql) is not None or statements.readable_pragma(sql):
            raise ProgrammingError("executemany() is for INSERT, UPDATE, DELETE and REPLACE")
        self._take(None)
        self.rowcount = connection._executemany(participant or self.participant, sql, many)
        return self

    def executescript(self, script):
        for sql in self.connection._split(script):
            self.execute(sql)
        return self

    def _take(self, result):
        self._at, self._rows, self.description, self.rowcount = 0, [], None, -1
        if result is None:
            return
        self._rows = result.rows
        if result.columns:
            self.description = tuple((name, None, None, None, None, None, None) for name in result.columns)
        if not result.columns or result.changes:
            self.rowcount = result.changes

    def _made(self, row):
        return self.row_factory(self, row) if self.row_factory else row

    def fetchone(self):
        self._usable()
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return self._made(self._rows[self._at - 1])

    def fetchmany(self, size=None):
        self._usable()
        size = self.arraysize if size is None else size
        got, self._at = self._rows[self._at:self._at + size], min(self._at + size, len(self._rows))
        return [self._made(row) for row in got]

    def fetchall(self):
        return self.fetchmany(len(self._rows))

    def __iter__(self):
        return self

    def __next__(self):
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def setinputsizes(self, sizes):
        """Does nothing."""

    def setoutputsize(self, size, column=None):
        """Does nothing."""

    def close(self):
        self._closed, self._rows = True, []

"""What statements return."""
from troth import values


class Row(tuple):
    """A tuple whose fields have names: row[0], row["id"], row.id, dict(row.items())."""

    def __new__(cls, fields, index):
        row = super().__new__(cls, fields)
        row._index = index
        return row

    def __getitem__(self, at):
        if isinstance(at, str):
            if at not in self._index:
                raise KeyError(at)
            return super().__getitem__(self._index[at])
        return super().__getitem__(at)

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._index:
            raise AttributeError(name)
        return super().__getitem__(self._index[name])

    def keys(self):
        return list(self._index)

    def items(self):
        return [(name, super(Row, self).__getitem__(at)) for name, at in self._index.items()]

    def dict(self):
        return dict(self.items())

    def __reduce__(self):
        return Row, (tuple(self), self._index)


class Result:
    """The result of one statement: `columns`, `rows`, `changes` (rows inserted, updated or deleted by the statement itself)."""

    def __init__(self, columns, rows, changes):
        self.columns, self.changes = columns, changes
        index = {}
        for at, name in enumerate(columns):
            index.setdefault(name, at)  # of two columns with one name the first
        self.rows = [Row(row, index) for row in rows]

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)

    def one(self):
        """The only row; LookupError if there are more or none."""
        if len(self.rows) != 1:
            raise LookupError(f"the statement returned {len(self.rows)} rows, not one")
        return self.rows[0]

    def first(self):
        """The first row, or None."""
        return self.rows[0] if self.rows else None

    def scalar(self):
        """The first field of the only row."""
        return self.one()[0]

    def dicts(self):
        return [row.dict() for row in self.rows]

    def __repr__(self):
        return f"<Result {len(self.rows)} rows, {self.changes} changes>"


def from_wire(result):
    return Result(result.columns or [], [[values.from_wire(v) for v in row] for row in result.rows or []], result.changes or 0)


class Outcome:
    """A committed transaction, or what getOutcome knows of one.

    `state` is "committed", "aborted", "pending" or "in_doubt". `results` maps a participant to the list of its statements' results; it is
    empty when `replayed`: the first answer to the key, again. `applied`: every database file is known to hold it.
    """

    def __init__(self, state, gtid=None, key=None, results=None, replayed=False, attempts=1, applied=False, reason=None):
        self.state, self.gtid, self.key, self.results = state, gtid, key, results or {}
        self.replayed, self.attempts, self.applied, self.reason = replayed, attempts, applied, reason

    @property
    def committed(self):
        return self.state == "committed"

    def __getitem__(self, participant):
        return self.results[participant]

    def __repr__(self):
        return f"<Outcome {self.state} {self.gtid or ''}>"

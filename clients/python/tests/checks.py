"""What a case wants, compared with what the client gave back."""
import troth

ERRORS = {troth.Aborted: "aborted", troth.InDoubt: "in_doubt", troth.InvalidRequest: "invalid", troth.NotFound: "not_found",
          troth.Unreachable: "unreachable", troth.Unavailable: "unavailable", troth.Refused: "refused", troth.UsageError: "usage"}


def value_in(value):
    """The Python value of one in a case."""
    if not isinstance(value, dict):
        return value
    (kind, what), = value.items()
    if kind == "int":
        return int(what)
    if kind == "real":
        return float(what)
    if kind == "blob":
        return bytes.fromhex(what)
    if kind == "text_bytes":
        return troth.TextBytes(bytes.fromhex(what))
    if kind == "repeat":
        return what[0] * what[1]
    if kind == "repeat_sql":
        return what[0] + what[2].join([what[1]] * what[3])
    if kind == "repeat_blob":
        return bytes.fromhex(what[0]) * what[1]
    raise ValueError(kind)


def params_in(params):
    if isinstance(params, dict) and "repeat_param" in params:
        return (params["repeat_param"][0],) * params["repeat_param"][1]
    if isinstance(params, dict):
        return {name: value_in(v) for name, v in params.items()}
    return tuple(value_in(v) for v in params)


def same(got, wanted):
    """Equal, of one type, and floats to the bit."""
    return type(got) is type(wanted) and got == wanted


class Checks:
    """For a driver with `saved` (names of transaction ids) and `world`."""

    @staticmethod
    def must(truth, sentence):
        if not truth:
            raise AssertionError(sentence)

    def check(self, step, got, seconds):
        self.must(seconds <= step.get("within", 60), f"took {seconds:.2f} s")
        self.must(seconds >= step.get("at_least", 0), f"took only {seconds:.2f} s")
        if "save" in step:
            self.saved[step["save"]] = got.gtid
        want = step.get("want", {})
        if isinstance(want, list):
            self.must(isinstance(got, list) and len(got) == len(want), f"{got!r} for {want}")
            for one, wanted in zip(got, want):
                self.compare(one, wanted)
        else:
            self.compare(got, want)

    def compare(self, got, want):
        if isinstance(got, BaseException) and not {"error", "error_is_one_of", "settled"} & set(want):
            raise AssertionError(f"{type(got).__name__}: {got}{getattr(got, 'trace', '')}")
        for field, wanted in want.items():
            if isinstance(wanted, str) and wanted.startswith("$"):
                wanted = self.saved[wanted[1:]]
            check = getattr(self, "want_" + field, None)
            if check:
                check(got, wanted)
            else:
                have = got[field] if isinstance(got, dict) else getattr(got, field, "nothing")
                self.must(have == wanted, f"{field} is {have!r}, not {wanted!r}: {got!r}")

    def want_error(self, got, wanted):
        self.must(ERRORS.get(type(got)) == wanted, f"{got!r} is not {wanted}")

    def want_error_is_one_of(self, got, wanted):
        self.must(ERRORS.get(type(got)) in wanted, f"{got!r} is none of {wanted}")

    def want_has(self, got, wanted):
        self.must(wanted in str(got), f"{str(got)!r} lacks {wanted!r}")

    def want_settled(self, got, wanted):
        """Committed in both databases, or aborted in both: the client was told which."""
        if isinstance(got, BaseException):
            self.must(ERRORS.get(type(got)) == "aborted", f"{got!r}")
        rows = [99, 101] if not isinstance(got, BaseException) else [100, 100]
        with troth.connect(self.world.endpoint("direct"), timeout=20) as client:
            have = [client.execute(name, "SELECT n FROM acc WHERE id = 1").scalar() for name in ("p1", "p2")]
        self.must(have == rows, f"the databases hold {have}, and the client was told {got!r}")

    def want_has_gtid(self, got, wanted):
        self.must(bool(got.gtid) == wanted, f"gtid {got.gtid!r}")

    def want_runs_at_least(self, got, wanted):
        self.must(got["runs"] >= wanted, f"ran {got['runs']} times")

    @staticmethod
    def result(got, last=False):
        if isinstance(got, troth.Result):
            return got
        results = next(iter(got.results.values()))
        return results[-1 if last else 0]

    def want_changes(self, got, wanted):
        changes = self.result(got).changes
        self.must(changes == wanted, f"{changes} changes, not {wanted}")

    def want_columns(self, got, wanted):
        self.must(self.result(got).columns == wanted, f"columns {self.result(got).columns}")

    def want_row_count(self, got, wanted):
        self.must(len(self.result(got).rows) == wanted, f"{len(self.result(got).rows)} rows")

    def want_last_rows(self, got, wanted):
        self.want_rows(self.result(got, last=True), wanted)

    def want_rows(self, got, wanted):
        rows = [tuple(row) for row in self.result(got).rows]
        wanted = [tuple(value_in(v) for v in row) for row in wanted]
        good = len(rows) == len(wanted) and all(len(a) == len(b) and all(map(same, a, b)) for a, b in zip(rows, wanted))
        self.must(good, f"rows {rows}, not {wanted}")

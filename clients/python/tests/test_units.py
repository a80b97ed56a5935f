"""What needs no daemon: values, SQL text, rows, endpoints, deadlines, errors."""
import datetime
import decimal
import pickle
import socket
import struct
import threading
import time
import unittest
import uuid

import troth
from troth import links, values, wire
from troth.deadline import Deadline
from troth.endpoints import Endpoints, parse
from troth.requests import Request, milliseconds
from troth.rows import Result
from troth.sqltext import parameter_names, positional, words


class Values(unittest.TestCase):
    def test_adapters_make_text(self):
        for value, text in [(decimal.Decimal("12.340"), "12.340"), (datetime.date(2026, 11, 29), "2026-11-29"),
                            (datetime.datetime(2026, 11, 29, 1, 2, 3), "2026-11-29 01:02:03"), (datetime.time(4, 5), "04:05:00"),
                            (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005")]:
            self.assertEqual(values.to_wire(value).text_value, text)

    def test_adapters_of_the_client_come_first(self):
        self.assertEqual(values.to_wire(decimal.Decimal("1.5"), adapters={decimal.Decimal: float}).real_value, 1.5)

    def test_what_has_no_adapter_is_named(self):
        with self.assertRaisesRegex(troth.InvalidRequest, "parameter 2: no adapter for object"):
            Request().on("p", "SELECT ?, ?", (1, object())).to_wire(None, None, None, None, None, None, None)

    def test_half_a_surrogate_pair_is_named(self):
        with self.assertRaisesRegex(troth.InvalidRequest, "surrogate"):
            values.to_wire("\ud800")

    def test_booleans_buffers_and_text_bytes(self):
        self.assertEqual(values.to_wire(True).int_value, 1)
        self.assertEqual(values.to_wire(memoryview(b"ab")).blob_value, b"ab")
        self.assertEqual(values.to_wire(bytearray(b"ab")).blob_value, b"ab")
        self.assertEqual(values.to_wire(troth.TextBytes(b"ab")).text_value, "ab")
        self.assertEqual(values.to_wire(troth.TextBytes(b"\xff")).text_bytes, b"\xff")


class Text(unittest.TestCase):
    def test_names_in_the_order_of_sqlite(self):
        self.assertEqual(parameter_names("SELECT :b, ?, @a, $c, :b, ?7, ?"), ["b", None, "a", "c", None, None, None, None])

    def test_strings_comments_and_quoted_names_have_no_parameters(self):
        self.assertEqual(parameter_names("SELECT ':a''?' , \"?\"\"x\", `:b`, [?], 1e5 -- ?\n /* :c */ , x'00' /* open ?"), [])

    def test_a_mapping_for_positions_is_refused(self):
        with self.assertRaises(troth.InvalidRequest):
            positional("SELECT ?", {"a": 1})
        with self.assertRaises(troth.InvalidRequest):
            positional("SELECT ?", "ab")

    def test_first_words(self):
        self.assertEqual(words("  -- c\n insert /* x */ into \"T\"(a)", 3), ["INSERT", "INTO", '"T"'])


class Rows(unittest.TestCase):
    def setUp(self):
        self.result = Result(["id", "name", "id"], [(1, "x", 2)], 0)

    def test_tuple_mapping_and_object(self):
        row = self.result.one()
        self.assertEqual((row, row[0], row["name"], row.name, row[-1], row[0:2]), ((1, "x", 2), 1, "x", "x", 2, (1, "x")))
        self.assertEqual(row.dict(), {"id": 1, "name": "x"})
        self.assertEqual(pickle.loads(pickle.dumps(row)).name, "x")

    def test_names_that_are_not_there(self):
        with self.assertRaises(KeyError):
            self.result.one()["nothing"]
        with self.assertRaises(AttributeError):
            self.result.one().nothing
        with self.assertRaises(LookupError):
            Result([], [], 1).one()


class Places(unittest.TestCase):
    def test_endpoints(self):
        self.assertEqual([parse(t) for t in ("a", "a:1", "[::1]:2", "[::1]", "::1")], [("a", 7420), ("a", 1), ("::1", 2), ("::1", 7420), ("::1", 7420)])
        for bad in ("", "a:", "a:x", "a:70000", "[::1", "[::1]x"):
            with self.assertRaises(troth.InvalidRequest):
                parse(bad)

    def test_the_less_busy_of_two_and_the_failed_last(self):
        places = Endpoints("a,b")
        a, b = places.all
        places.began(a)
        self.assertEqual({places.order()[0] for _ in range(50)}, {b})
        places.failed(b)
        self.assertEqual(places.order(), [a, b])
        places.answered(b)
        self.assertEqual(places.order()[0], b)

    def test_durations(self):
        self.assertEqual([milliseconds(s, "x") for s in (None, 0.0001, 2, 10**9, datetime.timedelta(seconds=3))], [None, 1, 2000, 2**31 - 1, 3000])
        for bad in (0, -1, float("nan")):
            with self.assertRaises(troth.InvalidRequest):
                milliseconds(bad, "x")


class Answers(unittest.TestCase):
    def test_errors_survive_pickling(self):
        for fault in (troth.InDoubt("why", "k", "g"), troth.Aborted("DEADLOCK", "why", True, "g", "p", 1), troth.NotFound("NOT_FOUND", "why", None, 1.5)):
            self.assertEqual(str(pickle.loads(pickle.dumps(fault))), str(fault))

    def test_a_copy_of_an_unknown_outcome_says_whom_to_ask(self):
        with self.assertRaisesRegex(troth.UsageError, "ask a client"):
            pickle.loads(pickle.dumps(troth.InDoubt("why", "k"))).await_outcome()
        with self.assertRaisesRegex(troth.UsageError, "nobody can find out"):
            troth.InDoubt("why").await_outcome()

    def test_noise_is_a_bad_answer_and_nothing_else(self):
        from troth.v1.coordinator.ttypes import GetServerInfoRequest
        good = wire.encode("Coordinator", "getServerInfo", GetServerInfoRequest(), 7)[4:]
        for body in (b"", b"\x00", good, good[:9], b"\x80\x01\x00\x02\x7f\xff\xff\xff", bytes(64), b"\xff" * 64):
            with self.assertRaises(wire.BadAnswer):
                wire.decode("Coordinator", "getServerInfo", body, 7)
        with self.assertRaises(wire.BadAnswer):
            wire.frame_length(struct.pack(">I", 0xFFFFFFFF))


class Slow(unittest.TestCase):
    def test_an_answer_that_drips_does_not_stretch_the_deadline(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def drip():
            end, _ = listener.accept()
            with end:
                end.sendall(struct.pack(">I", 1000))
                try:
                    while True:
                        end.sendall(b"x")
                        time.sleep(0.05)
                except OSError:
                    pass
        threading.Thread(target=drip, daemon=True).start()
        client = troth.connect("127.0.0.1:%d" % listener.getsockname()[1], timeout=0.5)
        began = time.monotonic()
        with self.assertRaises(troth.InDoubt):
            client.submit(Request().on("p", "SELECT 1"), key=None)
        self.assertLess(time.monotonic() - began, 3)

    def test_a_name_that_does_not_resolve_ends_at_the_deadline(self):
        began = time.monotonic()
        with self.assertRaises(links.NotSent):
            links.resolve("no-such-host.invalid", 1, Deadline(0.5))
        self.assertLess(time.monotonic() - began, 3)

    def test_both_address_families_take_turns(self):
        six, four = (socket.AF_INET6, 0), (socket.AF_INET, 0)
        self.assertEqual(links.interleaved([six, six, four, four]), [six, four, six, four])


if __name__ == "__main__":
    unittest.main()

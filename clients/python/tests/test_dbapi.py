"""DB-API 2.0 on real daemons."""
import datetime
import decimal
import sqlite3
import time
import unittest

import support
import troth
from common_statements import ALCHEMY, DJANGO
from troth import dbapi
from troth.dbapi import statements


class Dbapi(support.Case):
    def connect(self, participant="p1", **options):
        connection = dbapi.connect(f"troth://{self.address}/{participant}", **options)
        self.addCleanup(connection.close)
        return connection

    def test_the_module(self):
        self.assertEqual((dbapi.apilevel, dbapi.paramstyle), ("2.0", "qmark"))
        self.assertTrue(issubclass(dbapi.IntegrityError, dbapi.DatabaseError) and issubclass(dbapi.InDoubtError, dbapi.OperationalError))

    def test_commit_and_roll_back(self):
        connection = self.connect()
        connection.execute("UPDATE acc SET n = 1 WHERE id = 1")
        self.assertTrue(connection.in_transaction)
        connection.rollback()
        self.assertEqual(self.value("p1"), 100)
        connection.execute("UPDATE acc SET n = 2 WHERE id = 1")
        connection.commit()
        self.assertEqual(self.value("p1"), 2)
        self.assertFalse(connection.in_transaction)
        connection.commit()  # nothing is open: nothing happens

    def test_one_transaction_over_two_databases(self):
        connection = self.connect()
        other = connection.cursor(participant="p2")
        connection.execute("UPDATE acc SET n = n - 5 WHERE id = 1")
        other.execute("UPDATE acc SET n = n + 5 WHERE id = 1")
        connection.rollback()
        self.assertEqual((self.value("p1"), self.value("p2")), (100, 100))
        connection.execute("UPDATE acc SET n = n - 5 WHERE id = 1")
        connection.execute("UPDATE acc SET n = n + 5 WHERE id = 1", participant="p2")
        connection.commit()
        self.assertEqual((self.value("p1"), self.value("p2")), (95, 105))

    def test_cursors(self):
        cursor = self.connect().cursor()
        self.assertIsNone(cursor.description)
        cursor.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"row {i}") for i in range(10)])
        self.assertEqual(cursor.rowcount, 10)
        cursor.execute("SELECT id, v FROM t ORDER BY id")
        self.assertEqual([d[0] for d in cursor.description], ["id", "v"])
        self.assertTrue(all(len(d) == 7 for d in cursor.description))
        self.assertEqual((cursor.rowcount, cursor.fetchone(), cursor.fetchmany(2)), (-1, (0, "row 0"), [(1, "row 1"), (2, "row 2")]))
        self.assertEqual([row["id"] for row in cursor], list(range(3, 10)))
        self.assertEqual((cursor.fetchone(), cursor.fetchall()), (None, []))
        self.assertEqual(cursor.execute("UPDATE t SET v = 'x' WHERE id < ?", (4,)).rowcount, 4)
        self.assertEqual(cursor.execute("DELETE FROM t WHERE id = 99").rowcount, 0)
        cursor.close()
        with self.assertRaises(dbapi.InterfaceError):
            cursor.fetchone()

    def test_parameters(self):
        connection = self.connect()
        self.assertEqual(connection.execute("SELECT :a + @b", {"a": 1, "b": 2}).fetchone(), (3,))
        self.assertEqual(connection.execute("SELECT ?, ?, ?", (datetime.date(2026, 11, 29), decimal.Decimal("1.50"), dbapi.Binary(b"x"))).fetchone(),
                         ("2026-11-29", "1.50", b"x"))
        with self.assertRaises(dbapi.DataError):
            connection.execute("SELECT ?", (2**63,))

    def test_lastrowid(self):
        connection = self.connect()
        cursor = connection.cursor()
        self.assertEqual(cursor.execute("INSERT INTO t(v) VALUES ('a');").lastrowid, 1)
        self.assertEqual((cursor.execute("INSERT INTO main.t(v) VALUES ('b'), ('c') -- two").lastrowid, cursor.rowcount, cursor.fetchall()), (3, 2, []))
        self.assertIsNone(cursor.description)
        self.assertEqual(cursor.execute("INSERT OR IGNORE INTO \"t\"(id) VALUES (3)").lastrowid, 3)
        connection.execute("CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID")
        connection.execute("CREATE TABLE r(rowid TEXT)")
        self.assertIsNone(connection.execute("INSERT INTO w VALUES (1)").lastrowid)
        self.assertIsNone(connection.execute("INSERT INTO r VALUES ('x')").lastrowid)
        self.assertEqual(connection.execute("INSERT INTO t(v) SELECT v FROM t").rowcount, 3)
        connection.rollback()

    def test_errors_have_the_classes_of_the_standard(self):
        connection = self.connect()
        for kind, sql, params in [(dbapi.IntegrityError, "INSERT INTO acc VALUES (1, 1)", ()), (dbapi.OperationalError, "SELECT * FROM nowhere", ()),
                                  (dbapi.OperationalError, "SELEC", ()), (dbapi.ProgrammingError, "SELECT ?", (1, 2)),
                                  (dbapi.NotSupportedError, "ATTACH 'x' AS y", ()), (dbapi.DataError, "SELECT zeroblob(2000000)", ())]:
            with self.subTest(sql), self.assertRaises(kind) as raised:
                connection.execute(sql, params)
            self.assertIsInstance(raised.exception.troth, troth.TrothError)
            connection.rollback()

    def test_after_an_error_only_roll_back(self):
        connection = self.connect()
        connection.execute("UPDATE acc SET n = 1 WHERE id = 1")
        with self.assertRaises(dbapi.IntegrityError):
            connection.execute("UPDATE acc SET n = -1 WHERE id = 1")
        with self.assertRaisesRegex(dbapi.OperationalError, "roll back first"):
            connection.execute("SELECT 1")
        with self.assertRaisesRegex(dbapi.OperationalError, "nothing was committed"):
            connection.commit()
        self.assertEqual(connection.execute("SELECT n FROM acc WHERE id = 1").fetchone(), (100,))

    def test_a_value_that_cannot_be_sent_does_not_end_the_transaction(self):
        connection = self.connect()
        connection.execute("UPDATE acc SET n = 1 WHERE id = 1")
        with self.assertRaises(dbapi.DataError):
            connection.execute("UPDATE acc SET n = ?", (2**64,))
        connection.commit()
        self.assertEqual(self.value("p1"), 1)

    def test_autocommit_and_statements_that_control(self):
        connection = self.connect(autocommit=True)
        connection.execute("UPDATE acc SET n = 1 WHERE id = 1")
        self.assertEqual(self.value("p1"), 1)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE acc SET n = 2 WHERE id = 1")
        connection.execute("ROLLBACK")
        self.assertEqual(self.value("p1"), 1)
        connection.execute("SAVEPOINT a")
        connection.execute("SAVEPOINT b")
        connection.execute("UPDATE acc SET n = 3 WHERE id = 1")
        connection.execute("RELEASE b")
        self.assertTrue(connection.in_transaction)
        with self.assertRaises(dbapi.NotSupportedError):
            connection.execute("ROLLBACK TO SAVEPOINT a")
        connection.execute("RELEASE SAVEPOINT \"A\"")
        self.assertEqual((self.value("p1"), connection.in_transaction), (3, False))

    def test_pragmas(self):
        connection = self.connect()
        self.assertEqual([r["name"] for r in connection.execute("PRAGMA table_info('acc')")], ["id", "n"])
        self.assertEqual(connection.execute("PRAGMA foreign_keys").fetchone(), (1,))
        connection.execute("PRAGMA foreign_keys=ON")
        with self.assertRaises(dbapi.NotSupportedError):
            connection.execute("PRAGMA foreign_keys = 0")
        with self.assertRaises(dbapi.NotSupportedError):
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.rollback()
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (0,))

    def test_scripts(self):
        connection = self.connect()
        connection.executescript("INSERT INTO t VALUES (1, 'a;b'); CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE acc SET n = n + 1; "
                                 "UPDATE acc SET n = n + 1; END; INSERT INTO t VALUES (2, 'x')")
        self.assertEqual(connection.execute("SELECT n FROM acc").fetchall(), [(102,), (102,)])
        connection.rollback()

    def test_the_loser_of_a_conflict_keeps_its_age(self):
        young, old = self.connect(), self.connect()
        old.execute("UPDATE acc SET n = n + 1 WHERE id = 1")
        young.execute("UPDATE acc SET n = n + 1 WHERE id = 2")
        first = young._transaction
        with self.assertRaises(dbapi.OperationalError) as raised:
            old.execute("UPDATE acc SET n = n + 1 WHERE id = 2")  # wounds the younger one
            young.execute("SELECT 1")
        self.assertTrue(raised.exception.retryable)
        old.commit()
        young.rollback()
        young.execute("UPDATE acc SET n = n + 1 WHERE id = 2")
        self.assertIs(young._transaction._inner.retry_of, first._inner)
        young.commit()
        self.assertEqual(self.value("p1", "SELECT n FROM acc WHERE id = 2"), 102)

    def test_an_unknown_commit(self):
        connection = dbapi.connect(f"troth://{self.world.endpoint('proxy')}/p1?timeout=2")
        self.addCleanup(connection.close)
        connection.execute("UPDATE acc SET n = 7 WHERE id = 1")
        self.world.arm("lose_answer", "commit", 1)
        for method in ("awaitOutcomes", "getOutcome"):
            self.world.arm("lose_request", method, 1000)
        with self.assertRaises(dbapi.InDoubtError) as raised:
            connection.commit()
        self.world.disarm()
        self.assertTrue(raised.exception.await_outcome(5).committed)
        self.assertEqual(self.value("p1"), 7)

    def test_urls(self):
        for bad in ("sqlite:///x.db", "stock", "troth:///stock"):
            with self.assertRaises(dbapi.ProgrammingError):
                dbapi.connect(bad)
        connection = dbapi.connect(f"troth://{self.address}")
        self.addCleanup(connection.close)
        with self.assertRaisesRegex(dbapi.ProgrammingError, "which participant"):
            connection.execute("SELECT 1")
        self.assertEqual(connection.execute("SELECT 1", participant="p2").fetchone(), (1,))


class Common(support.Case):
    """The statements of Django's and SQLAlchemy's back ends give the same rows, counts and row ids as sqlite3."""

    def compare(self, sent):
        ours = dbapi.connect(f"troth://{self.address}/p1", autocommit=True)
        stock = sqlite3.connect(":memory:", isolation_level=None)
        self.addCleanup(ours.close)
        self.addCleanup(stock.close)
        for sql, params in sent:
            with self.subTest(sql):
                mine, theirs = ours.cursor().execute(sql, params), stock.cursor().execute(sql, params)
                hidden = {"acc", "t", "troth_applied"}  # what the world has besides
                rows = [tuple(r) for r in mine.fetchall() if not (sql.startswith("SELECT name") and r[0] in hidden)]
                self.assertEqual(rows, theirs.fetchall())
                self.assertEqual([d[0] for d in mine.description or ()], [d[0] for d in theirs.description or ()])
                if sql.startswith("INSERT") and not any(word in sql for word in ("SELECT", "IGNORE", "CONFLICT")):
                    self.assertEqual(mine.lastrowid, theirs.lastrowid)
                if sql.split()[0] in ("INSERT", "UPDATE", "DELETE"):
                    self.assertEqual(mine.rowcount, theirs.rowcount)

    def test_django(self):
        self.compare(DJANGO)
        self.client.execute("p1", "DROP TABLE shop_item")

    def test_sqlalchemy(self):
        self.compare(ALCHEMY)


class TwoPhase(support.Case):
    def setUp(self):
        super().setUp()
        self.one, self.two = (dbapi.connect(f"troth://{self.address}/{name}", client=self.client) for name in ("p1", "p2"))
        self.addCleanup(self.one.close)
        self.addCleanup(self.two.close)
        self.xid = self.one.xid(1, self._testMethodName[:64], "")

    def begin(self):
        for connection, sign in ((self.one, -1), (self.two, 1)):
            connection.tpc_begin(self.xid)
            connection.execute("UPDATE acc SET n = n + ? WHERE id = 1", (sign,))

    def values(self):
        return self.value("p1"), self.value("p2")

    def test_two_connections_one_transaction(self):
        self.begin()
        self.one.tpc_prepare()
        with self.assertRaisesRegex(dbapi.ProgrammingError, "not prepared"):
            self.one.tpc_commit()
        self.two.tpc_prepare()
        with self.assertRaisesRegex(dbapi.ProgrammingError, "prepared"):
            self.two.execute("SELECT 1")
        self.one.tpc_commit()
        self.two.tpc_commit()
        self.assertEqual(self.values(), (99, 101))
        until = time.monotonic() + 10
        while self.one.tpc_recover():  # until both participants have acknowledged
            self.assertLess(time.monotonic(), until)

    def test_one_rolls_back_for_all(self):
        self.begin()
        self.one.tpc_prepare()
        self.two.tpc_rollback()
        with self.assertRaises(dbapi.OperationalError):
            self.one.tpc_commit()
        self.assertEqual(self.values(), (100, 100))

    def test_a_failed_statement_fails_all(self):
        self.begin()
        with self.assertRaises(dbapi.IntegrityError):
            self.two.execute("UPDATE acc SET n = -1")
        with self.assertRaises(dbapi.IntegrityError):
            self.one.tpc_prepare()
        self.one.tpc_rollback()
        self.two.tpc_rollback()
        self.assertEqual(self.values(), (100, 100))

    def test_alone_one_phase_is_enough(self):
        self.one.tpc_begin(self.xid)
        self.one.execute("UPDATE acc SET n = 5 WHERE id = 1")
        self.one.tpc_commit()
        self.assertEqual(self.value("p1"), 5)

    def test_mixing_is_refused(self):
        self.begin()
        for connection in (self.one, self.two):
            with self.assertRaises(dbapi.ProgrammingError):
                connection.commit()
            with self.assertRaises(dbapi.ProgrammingError):
                connection.rollback()
            connection.tpc_rollback()
        with self.assertRaises(dbapi.ProgrammingError):
            self.one.tpc_commit()
        own = dbapi.connect(f"troth://{self.address}/p1")
        self.addCleanup(own.close)
        with self.assertRaisesRegex(dbapi.NotSupportedError, "share a client"):
            own.tpc_begin(self.xid)

    def test_a_connection_that_closes_rolls_back(self):
        self.begin()
        self.one.tpc_prepare()
        self.two.close()
        with self.assertRaises(dbapi.OperationalError):
            self.one.tpc_commit()
        self.assertEqual(self.values(), (100, 100))

    def test_what_a_participant_still_owes_is_recovered(self):
        self.world.cluster.settle()  # else p2 would die of the COMMIT that it has missed
        self.world.act("kill", "p2")
        self.world.act("start", "p2", "participant.commit.received=kill")
        self.begin()
        self.one.tpc_prepare()
        self.two.tpc_prepare()
        self.one.tpc_commit()  # decided; p2 dies before it applies it
        self.two.tpc_commit()
        self.world.act("wait_exit", "p2")
        self.assertEqual([x[:2] for x in self.two.tpc_recover()], [self.xid[:2]])
        with self.assertRaisesRegex(dbapi.ProgrammingError, "committed"):
            self.two.tpc_rollback(self.xid)
        self.two.tpc_commit(self.xid)
        self.world.heal()
        self.assertEqual(self.values(), (99, 101))
        with self.assertRaises(dbapi.ProgrammingError):
            self.two.tpc_commit(self.one.xid(1, "never begun", ""))


class Statements(unittest.TestCase):
    def test_what_a_statement_is(self):
        self.assertEqual([statements.control(s) for s in ("begin", " /* x */ COMMIT;", "END", "rollback to x", "ROLLBACK TRANSACTION", "SELECT 1", "")],
                         ["begin", "commit", "commit", "rollback_to", "rollback", None, None])
        self.assertEqual(statements.readable_pragma('PRAGMA "main".table_info("it\'s")'), "SELECT * FROM pragma_table_info('it''s')")
        self.assertIsNone(statements.readable_pragma("PRAGMA journal_mode"))
        self.assertEqual([statements.inserted_table(s) for s in (
            "INSERT INTO a VALUES (1)", "REPLACE INTO [a b](x) VALUES ((SELECT 1))", "insert or replace into \"m\".\"a\" default values",
            "INSERT INTO a SELECT 1", "INSERT INTO a VALUES (1) RETURNING id", "UPDATE a SET x = 1", "WITH x AS (SELECT 1) INSERT INTO a VALUES (1)")],
            ["a", "a b", "a", None, None, None, None])


if __name__ == "__main__":
    unittest.main()

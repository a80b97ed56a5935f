"""The samples of docs/clients/python.md, as they stand there."""
import contextlib
import io
import re
import threading
import unittest

import support
import troth

SETUP = "CREATE TABLE accounts(name TEXT PRIMARY KEY NOT NULL, cents INT NOT NULL CHECK(cents >= 0)); INSERT INTO accounts VALUES ('alice', 1000)"


class Samples(support.Case):
    """north is p1, south is p2, and the default port is that of the cluster."""

    def setUp(self):
        super().setUp()
        for name in ("p1", "p2"):
            self.client.execute(name, "DROP TABLE IF EXISTS accounts")
            for sql in SETUP.split(";"):
                self.client.execute(name, sql)
        page = (support.ROOT / "docs/clients/python.md").read_text()
        self.blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
        self.names = {}

    def run_block(self, block):
        for name, real in (("127.0.0.1:7420", self.world.endpoint("proxy")), ('/north"', '/p1"'), ('"north"', '"p1"'), ('"south"', '"p2"')):
            block = block.replace(name, real)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "docs/clients/python.md", "exec"), self.names)
        return out.getvalue()

    def cents(self):
        return [self.client.execute(name, "SELECT cents FROM accounts").scalar() for name in ("p1", "p2")]

    def test_transfer_then_abort(self):
        self.run_block(self.blocks[0])
        self.assertEqual(self.cents(), [900, 1100])
        self.assertEqual(self.run_block(self.blocks[1]), "aborted: CONSTRAINT p1 False\n")
        self.assertEqual(self.cents(), [900, 1100])

    def test_asyncio(self):
        self.assertEqual(self.run_block(self.blocks[3]), "alice has 1000\n")

    def test_dbapi(self):
        self.run_block(self.blocks[4])
        self.assertEqual(self.cents(), [990, 1010])

    def test_sqlalchemy(self):
        self.run_block(self.blocks[5])
        self.assertEqual(self.cents(), [990, 1010])

    def test_the_readme(self):
        for name, sql in (("p1", "CREATE TABLE items(id INTEGER PRIMARY KEY, n INT)"), ("p1", "INSERT INTO items VALUES (1, 5)"),
                          ("p2", "CREATE TABLE entries(id TEXT, a INT, b INT, c INT)")):
            self.client.execute(name, sql)
        block, = re.findall(r"^```python\n(.*?)^```", (support.ROOT / "README.md").read_text(), re.M | re.S)
        self.run_block(block.replace('"stock"', '"p1"').replace('"ledger"', '"p2"'))
        self.assertEqual(self.client.execute("p1", "SELECT n FROM items").scalar(), 4)
        self.assertEqual(self.client.execute("p2", "SELECT id FROM entries").scalar(), "order-16")

    def test_crash_and_recover(self):
        self.run_block(self.blocks[0])
        self.world.act("kill", "c1")
        self.world.act("start", "c1", "coordinator.commit.durable=kill")
        printed = []
        running = threading.Thread(target=lambda: printed.append(self.run_block(self.blocks[2])))
        running.start()
        self.world.act("wait_exit", "c1")
        self.world.act("start", "c1")
        running.join(60)
        self.assertRegex(printed[0], r"^committed: \w{26} replayed\n$")
        self.assertEqual(self.cents(), [899, 1101])
        self.assertIsInstance(self.client.outcome(key="order-17"), troth.Outcome)


if __name__ == "__main__":
    unittest.main()

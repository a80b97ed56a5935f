"""A world of daemons for the tests of one module, started once."""
import pathlib
import sys
import unittest

CASES = pathlib.Path(__file__).resolve().parents[2] / "conformance"
ROOT = CASES.parents[1]
sys.path.insert(0, str(CASES))
import troth  # noqa: E402
from world import RESET, World  # noqa: E402


class Case(unittest.TestCase):
    """Tests share the daemons of their class; each begins with the tables of the conformance cases."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.address = cls.world.endpoint("direct")

    def setUp(self):
        self.client = troth.connect(self.address, timeout=20)
        self.addCleanup(self.client.close)
        reset = troth.Request()
        for name in ("p1", "p2"):
            for sql in RESET:
                reset.on(name, sql)
        self.client.submit(reset, deadline=20, retries=20)
        self.addCleanup(self.world.heal)

    def value(self, participant, sql="SELECT n FROM acc WHERE id = 1"):
        return self.client.execute(participant, sql).scalar()

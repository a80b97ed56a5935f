"""TLS and roles, with certificates that `troth cert` made."""
import asyncio
import importlib.util
import os
import shutil
import unittest

import support
import troth
import troth.aio
from harness import Cluster

spec = importlib.util.spec_from_file_location("daemons_tls", support.ROOT / "tests/integration/test_tls.py")
authority = importlib.util.module_from_spec(spec)
spec.loader.exec_module(authority)


class Secure(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2, coordinator_flags=("--prepare-timeout", "10s"), participant_flags=("--lock-timeout", "5s"))
        cls.addClassCleanup(cls.cluster.close)
        cls.ca = authority.Authority(os.path.join(cls.cluster.dir, "ca"))
        for daemon in cls.cluster.daemons():
            role = "coordinator" if daemon is cls.cluster.coordinator else "participant"
            directory, base = cls.ca.node(daemon.name, role), daemon.arguments
            daemon.arguments = lambda base=base, directory=directory: [*base(), "--tls-dir", directory]
        cls.cluster.start()
        cls.address = cls.cluster.coordinator.address

    def client(self, tls_dir, address=None):
        client = troth.connect(address or self.address, timeout=20, tls_dir=tls_dir)
        self.addCleanup(client.close)
        return client

    def test_everything_works_with_a_certificate(self):
        client = self.client(self.ca.client("web", "app"))
        request = troth.Request().on("p1", "UPDATE a SET v = v - 1 WHERE id = 1").on("p2", "UPDATE a SET v = v + 1 WHERE id = 1")
        self.assertTrue(client.submit(request).committed)
        with client.transaction() as t:
            self.assertEqual(t["p2"].execute("SELECT v FROM a WHERE id = 1").scalar(), 1001)
        self.assertEqual(client.execute("p1", "SELECT length(?)", (b"x" * 3_000_000,), timeout=60, deadline=50).scalar(), 3_000_000)

    def test_roles_are_refusals(self):
        reader = self.client(self.ca.client("reader", "app", "--participant", "p1:read"))
        self.assertEqual(reader.execute("p1", "SELECT v FROM a WHERE id = 9").scalar(), 1000)
        for participant, sql in (("p1", "DELETE FROM a"), ("p2", "SELECT 1")):
            with self.assertRaisesRegex(troth.Refused, "no permission for submit"):
                reader.execute(participant, sql)

    def test_without_a_certificate_nothing_is_done(self):
        with self.assertRaises(troth.TrothError):
            self.client(None).execute("p1", "SELECT 1", key=None, timeout=3)

    def test_a_refused_certificate_is_unreachable_and_not_in_doubt(self):
        late = self.ca.client("late", "app", "--from", "2020-01-01T00:00:00Z", "--days", "1")
        with self.assertRaisesRegex(troth.Unreachable, "certificate|TLS"):
            self.client(late).execute("p1", "DELETE FROM a", key=None)

    def test_a_server_of_another_authority_is_refused(self):
        bank = authority.Authority(os.path.join(self.cluster.dir, "bank"), "bank")
        with self.assertRaisesRegex(troth.Unreachable, "TLS"):
            self.client(bank.client("web", "app")).execute("p1", "SELECT 1")

    def test_a_server_under_another_name_is_refused(self):
        web = self.ca.client("web2", "app")
        self.assertEqual(self.client(web, self.address.replace("127.0.0.1", "localhost")).execute("p1", "SELECT 1").scalar(), 1)
        with self.assertRaisesRegex(troth.Unreachable, "TLS"):
            self.client(web, self.address.replace("127.0.0.1", "127.1")).execute("p1", "SELECT 1")

    def test_a_client_is_no_server(self):
        from troth.tls import Refused, Tls
        own = Tls(self.ca.client("web3", "app"))
        own.judge({"subjectAltName": (("URI", "troth://default/coordinator/c1"),)})
        for holder in ("troth://default/app/web", "troth://bank/coordinator/c1", "http://x"):
            with self.assertRaises(Refused):
                own.judge({"subjectAltName": (("URI", holder),)})

    def test_a_renewed_certificate_is_read_for_the_next_connection(self):
        directory = self.ca.client("old", "app", "--from", "2020-01-01T00:00:00Z", "--days", "1")
        client = self.client(directory)
        with self.assertRaises(troth.Unreachable):
            client.execute("p1", "SELECT 1")
        self.ca.run("renew", "old")
        self.assertEqual(client.execute("p1", "SELECT 1").scalar(), 1)

    def test_a_directory_that_lacks_a_file_is_named(self):
        directory = os.path.join(self.cluster.dir, "half")
        shutil.copytree(self.ca.client("half", "app"), directory)
        os.remove(os.path.join(directory, "tls.key"))
        with self.assertRaisesRegex(troth.InvalidRequest, "half"):
            troth.connect(self.address, tls_dir=directory)

    def test_asyncio(self):
        web = self.ca.client("web4", "app")
        late = self.ca.client("late4", "app", "--from", "2020-01-01T00:00:00Z", "--days", "1")

        async def both():
            async with troth.aio.connect(self.address, tls_dir=web) as client:
                async with client.transaction() as t:
                    value = (await t["p1"].execute("SELECT v FROM a WHERE id = 8")).scalar()
            async with troth.aio.connect(self.address, tls_dir=late) as client:
                with self.assertRaises(troth.Unreachable):
                    await client.execute("p1", "DELETE FROM a", key=None)
            return value
        self.assertEqual(asyncio.run(both()), 1000)


if __name__ == "__main__":
    unittest.main()

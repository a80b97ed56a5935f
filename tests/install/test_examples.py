"""The demos: each checks its own invariant; here they run."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
from harness import BIN, Case, Cluster  # noqa: E402


class Examples(Case):
    def test_demo_quick(self):
        place = tempfile.mkdtemp(prefix="troth-demos-")  # other tests run demos at the same time
        self.addCleanup(shutil.rmtree, place)

        def demo(directory):
            return subprocess.run([os.path.join(BIN, "troth"), "demo", "--quick"], capture_output=True, text=True, timeout=120,
                                  env=dict(os.environ, TMPDIR=directory))

        self.assertIn("set TMPDIR", demo(place + "/absent").stderr)
        reply = demo(place)
        self.assertEqual(reply.returncode, 0, reply.stdout + reply.stderr)
        self.assertIn("40 of 40 committed", reply.stdout)
        self.assertIn("as at the beginning: yes", reply.stdout)
        self.assertIn("troth doctor", reply.stdout)
        self.assertEqual(os.listdir(place), [], "it left files behind")

    def test_python_client(self):
        self.python_client("thrift/idl")

    def test_a_client_of_the_last_release(self):
        """Code generated from the frozen interface talks to the daemons of today."""
        self.python_client("tests/thrift/idl-baseline")

    def test_a_server_of_the_last_release(self):
        """Today's command line and client library talk to a daemon that knows the frozen interface and nothing of what came later."""
        gen = self.generated("tests/thrift/idl-baseline", "coordinator", "admin")
        server = subprocess.Popen(["/usr/bin/python3", str(HERE / "old_server.py")], stdout=subprocess.PIPE, text=True, env=dict(os.environ, PYTHONPATH=gen))
        self.addCleanup(server.wait)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.kill)
        at = server.stdout.readline().strip()
        self.assertTrue(at, "the old server did not start")

        def troth(*words):
            return subprocess.run([os.path.join(BIN, "troth"), "-e", at, *words], capture_output=True, text=True, timeout=60)

        known = [("status", "COORDINATOR  c0   ready   v0.0.1"), ("txn list", "committing"), ("txn show 00001F", "COMMIT is durable."), ("txn retry --all", "retried 1"),
                 ("outcome 3KQ8Z1W0V5T40000080000001F", "COMMITTED"), ("participant list", "stock"), ("submit --on stock SELECT", "COMMITTED")]
        for words, expected in known:
            reply = troth(*words.split())
            self.assertEqual(reply.returncode, 0, (words, reply.stdout, reply.stderr))
            self.assertIn(expected, reply.stdout, words)
        self.assertEqual(troth("txn", "show", "nobody").returncode, 4)
        self.assertIn("coordinator c0", troth("doctor").stdout)
        for words in ("audit", "txn begin", "participant drain stock", "participant lost stock --dry-run", "txn resolve 00001F --abort --reason x --confirm 00001F", "txn forget 00001F --reason x --confirm 00001F"):
            reply = troth(*words.split())
            self.assertEqual(reply.returncode, 5, (words, reply.stderr))
            self.assertIn("is older than this program", reply.stderr, words)
        self.assertEqual(troth("participant", "locks", "stock").returncode, 3)  # nobody is at that address

    def generated(self, interface, *files):
        try:
            import thrift  # noqa: F401
        except ImportError:
            self.skipTest("python3-thrift is not installed")
        gen = tempfile.mkdtemp(prefix="troth-py-")
        self.addCleanup(shutil.rmtree, gen)
        for name in files:
            subprocess.run(["thrift", "-r", "--gen", "py", "-out", gen, str(ROOT / interface / f"{name}.thrift")], check=True)
        return gen

    def python_client(self, interface):
        gen = self.generated(interface, "coordinator")
        schema, Cluster.SCHEMA = Cluster.SCHEMA, Cluster.SCHEMA + "CREATE TABLE accounts(id INTEGER PRIMARY KEY, cents INT NOT NULL CHECK(cents >= 0)); INSERT INTO accounts VALUES(1, 100);"
        try:
            cluster = self.cluster()
        finally:
            Cluster.SCHEMA = schema
        cluster.start(c1="coordinator.commit.durable=kill")
        words = ["/usr/bin/python3", str(ROOT / "examples/python/transfer.py"), cluster.coordinator.address, "p1", "p2", "order-1"]
        env = dict(os.environ, PYTHONPATH=gen)
        running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
        cluster.coordinator.wait()  # killed with COMMIT on the disk and nobody told
        cluster.coordinator.start()
        first = running.communicate(timeout=60)[0]
        self.assertEqual(running.returncode, 0, first)
        again = subprocess.run(words, capture_output=True, text=True, env=env, timeout=60)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertIn("(the first answer to this key)", again.stdout)
        self.assertIn("ABORTED CONSTRAINT", again.stdout)
        self.assertEqual(re.findall(r"COMMITTED (\w+)", first), re.findall(r"COMMITTED (\w+)", again.stdout))
        cluster.settle()
        self.assertEqual([cluster.read(n, "SELECT cents FROM accounts")[0][0] for n in ("p1", "p2")], [99, 101])
        self.audit(cluster)

    def test_embedded(self):
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="troth-embedded-"))
        self.addCleanup(shutil.rmtree, scratch)
        subprocess.run(["sqlite3", scratch / "hits.db", "CREATE TABLE hits(page TEXT PRIMARY KEY NOT NULL, n INT NOT NULL)"], check=True)
        subprocess.run([os.path.join(BIN, "embedded_example"), scratch / "hits.db", scratch / "hits.log"], check=True, timeout=60, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    unittest.main()

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
        self.python_client("thrift")

    def test_a_client_of_the_last_release(self):
        """Code generated from the frozen interface talks to the daemons of today."""
        self.python_client("tests/thrift/idl-baseline")

    def python_client(self, interface):
        try:
            import thrift  # noqa: F401
        except ImportError:
            self.skipTest("python3-thrift is not installed")
        gen = tempfile.mkdtemp(prefix="troth-py-")
        self.addCleanup(shutil.rmtree, gen)
        subprocess.run(["thrift", "-r", "--gen", "py", "-out", gen, str(ROOT / interface / "coordinator.thrift")], check=True)
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

"""Installs the development files into a scratch directory, builds a program against them with find_package(Troth), and runs it."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from harness import Case  # noqa: E402


class Install(Case):
    def run_it(self, *command):
        reply = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=280)
        self.assertEqual(reply.returncode, 0, reply.stdout[-3000:] + reply.stderr[-3000:])
        return reply.stdout

    def test_find_package(self):
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="troth-install-"))
        self.addCleanup(shutil.rmtree, scratch)
        prefix = scratch / "prefix"
        self.run_it("cmake", "--install", os.environ["TROTH_BUILD"], "--prefix", prefix, "--component", "dev")
        installed = {str(p.relative_to(prefix / "include")) for p in (prefix / "include").rglob("*.h")}
        public = {str(p.relative_to(HERE.parents[1] / "include")) for p in (HERE.parents[1] / "include").rglob("*.h")}
        self.assertEqual(installed, public)  # a consumer sees troth/... and nothing else
        # Nothing outside of the prefix and the system may be named.
        for path in prefix.rglob("*.cmake"):
            self.assertNotIn(str(HERE.parents[1]), path.read_text(), path)
        source = scratch / "consumer"
        shutil.copytree(HERE / "consumer", source)
        shutil.copy(HERE.parents[1] / "examples/embedded/main.cc", source / "embedding.cc")
        self.run_it("cmake", "-S", source, "-B", scratch / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", "-DEMBEDDING_SOURCE=embedding.cc")
        self.run_it("cmake", "--build", scratch / "build")
        cluster = self.cluster().start()
        self.assertEqual(self.run_it(scratch / "build/consumer", cluster.coordinator.address), "COMMITTED\n")
        database = scratch / "hits.db"
        self.run_it("sqlite3", database, "CREATE TABLE hits(page TEXT PRIMARY KEY NOT NULL, n INT NOT NULL)")
        self.run_it(scratch / "build/embedding", database, scratch / "hits.log")
        self.audit(cluster)


if __name__ == "__main__":
    unittest.main()

"""Installs the development files into a scratch directory, builds a program against them with find_package(Troth), and runs it."""
import os
import pathlib
import re
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

    def test_everything_installs_after_the_quickstart_build(self):
        root, build = HERE.parents[1], pathlib.Path(os.environ["TROTH_BUILD"])
        self.assertIn("cmake --build build --target troth_installable", (root / "examples/quickstart.sh").read_text())
        commands = self.run_it("ninja", "-C", build, "-t", "commands", "troth_installable")
        wanted = set(re.findall(rf'"{re.escape(str(build))}/([^"]+)"', (build / "cmake_install.cmake").read_text()))
        wanted |= {f"bin/{name}" for name in ("troth", "troth-coordinator", "troth-participant")}
        wanted = {w for w in wanted if re.search(r"\.a$|^bin/|^made/(man|completion)/|^made/\w+\.conf$", w)}
        self.assertGreater(len(wanted), 15)
        for name in wanted:
            self.assertIn("pages.py" if name.startswith("made/") else f" {name} ", commands, f"{name} is installed, but the quickstart does not build it")
        prefix = pathlib.Path(tempfile.mkdtemp(prefix="troth-install-"))
        self.addCleanup(shutil.rmtree, prefix)
        self.run_it("cmake", "--install", build, "--prefix", prefix)
        for name in ("bin/troth", "sbin/troth-coordinator", "sbin/troth-participant", "share/man/man1/troth.1.gz", "include/troth/client.h"):
            self.assertTrue((prefix / name).is_file(), name)
        self.assertIn("troth", self.run_it(prefix / "bin/troth", "version"))

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

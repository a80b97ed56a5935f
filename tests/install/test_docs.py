"""What the documents tell people to type is typed here: the tutorial as it stands, and the barrier for backups."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
from harness import BIN, Case  # noqa: E402


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def shell_blocks(page):
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)


class Documents(Case):
    def run_script(self, script, cwd, **env):
        """The end of a failed script takes its daemons along."""
        head = "set -euo pipefail\ntrap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\n"
        return subprocess.run(["bash", "-c", head + script], capture_output=True, text=True, timeout=100, cwd=cwd,
                              env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **env})

    def test_tutorial(self):
        scratch = tempfile.mkdtemp(prefix="troth-tutorial-")
        self.addCleanup(shutil.rmtree, scratch)
        script = "\n".join(shell_blocks("docs/tutorial.md"))
        coordinator, north, south = free_ports(3)
        script = script.replace("127.0.0.1:7430", f"127.0.0.1:{north}").replace("127.0.0.1:7440", f"127.0.0.1:{south}")
        # What a remark promises of a line is what the line must print.
        script, promises = re.subn(r"^(sqlite3 .*?)\s+# (\S+)$", r"""[ "$(\1)" = "\2" ] || { echo "not \2 but $(\1)"; exit 9; }""", script, flags=re.M)
        self.assertGreater(promises, 4)
        reply = self.run_script(script, scratch, TROTH_LISTEN=f"127.0.0.1:{coordinator}", TROTH_ENDPOINT=f"127.0.0.1:{coordinator}")
        self.assertEqual(reply.returncode, 0, reply.stdout + reply.stderr)
        for sentence in ("exit 1", "exit 3", "blocked by", "COMMITTED", "(the first answer to this key)", "COMMIT"):
            self.assertIn(sentence.lower(), (reply.stdout + reply.stderr).lower(), reply.stdout + reply.stderr)

    def test_the_barrier_for_backups(self):
        cluster = self.cluster().start(p2="participant.commit.received=sleep:500")
        running = cluster.transfer_in_background("t1")
        while cluster.status()["counters"].get("live", 0) == 0:
            self.assertIsNone(running.poll())
        barrier = next(block for block in shell_blocks("docs/operate.md") if "participant drain" in block)
        before, after = barrier.split("# copy everything")
        env = {"TROTH_ENDPOINT": cluster.coordinator.address, "TROTH_OPERATOR": "ann"}
        reply = self.run_script(before, cluster.dir, **env)
        self.assertEqual(reply.returncode, 0, reply.stdout + reply.stderr)
        self.assertEqual(running.communicate(timeout=20)[1], "")
        self.assertEqual(cluster.transfer("t2").returncode, 5, "it took work behind the barrier")
        self.assertEqual([cluster.status(d)["in_doubt"] for d in cluster.daemons()], [0, 0, 0])
        reply = self.run_script("#" + after, cluster.dir, **env)
        self.assertEqual(reply.returncode, 0, reply.stdout + reply.stderr)
        self.assertEqual(cluster.transfer("t3").returncode, 0)
        self.audit(cluster, committed=["t1", "t3"], aborted=["t2"])


if __name__ == "__main__":
    unittest.main()

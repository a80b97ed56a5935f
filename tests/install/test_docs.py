"""What the documents tell people to type is typed here: the tutorial as it stands, the barrier for backups, and the examples of README, help and reference."""
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
from harness import BIN, Case, Daemon  # noqa: E402


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

    SHOP = {"stock": "CREATE TABLE items(id INTEGER PRIMARY KEY, n INT NOT NULL CHECK(n >= 0)); INSERT INTO items VALUES(1, 100), (7, 100);",
            "accounts": "CREATE TABLE accounts(id INTEGER PRIMARY KEY, cents INT NOT NULL CHECK(cents >= 0)); INSERT INTO accounts VALUES(1, 1000000), (42, 1000000);",
            "ledger": "CREATE TABLE entries(order_id TEXT PRIMARY KEY NOT NULL, item INT NOT NULL, account INT NOT NULL, cents INT NOT NULL);"}

    def shop(self):
        cluster = self.cluster(participants=0)
        for name, schema in self.SHOP.items():
            subprocess.run(["sqlite3", cluster.database(name), schema], check=True)
            cluster.participants[name] = Daemon(cluster, name, "troth-participant", lambda name=name: ["--database", cluster.database(name)])
            cluster.participants[name].init()
        return cluster

    def test_the_cpp_of_readme(self):
        """readme_example.cmake has compiled it as it stands. Twice: the key makes it safe to repeat."""
        cluster = self.shop().start()
        for _ in range(2):
            reply = subprocess.run([os.path.join(BIN, "readme_example"), cluster.coordinator.address], capture_output=True, text=True, timeout=30)
            self.assertEqual(reply.stdout, "COMMITTED\n", reply.stderr)
        cluster.settle()
        self.assertEqual(cluster.read("stock", "SELECT n FROM items WHERE id = 1"), [(99,)])
        self.assertEqual(cluster.read("ledger", "SELECT * FROM entries"), [("order-17", 1, 1, 0)])

    def test_the_examples_of_readme_help_and_reference(self):
        """One shop, as examples/quickstart.sh makes it; every example must fit its tables."""
        cluster = self.shop()
        token = pathlib.Path(cluster.dir, "http-token")
        typed = re.search(r"openssl rand -hex 32 > \S+", (ROOT / "docs/reference/http.md").read_text()).group()
        subprocess.run(["bash", "-c", typed.replace("/etc/troth/http-token", str(token))], check=True)
        token.chmod(0o640)
        flags = cluster.coordinator.arguments
        cluster.coordinator.arguments = lambda: [*flags(), "--http", "127.0.0.1:0", "--http-token-file", str(token)]
        cluster.start()
        env = {"TROTH_ENDPOINT": cluster.coordinator.address}

        def typed_in(script, expected):
            reply = self.run_script(script, cluster.dir, **env)
            self.assertEqual(reply.returncode, 0, (script, reply.stdout, reply.stderr))
            self.assertIn(expected, reply.stdout, script)

        readme = (ROOT / "README.md").read_text()
        typed_in(re.search(r"^\$ (troth submit .*?)\n\S*  COMMITTED", readme, re.M | re.S).group(1), "COMMITTED")
        order = re.search(r"^  (\{\"key.*\})$", self.run_script("troth help submit", cluster.dir, **env).stdout, re.M | re.S).group(1)
        pathlib.Path(cluster.dir, "order.json").write_text(order)
        examples = self.run_script("troth help examples", cluster.dir, **env).stdout
        for block in examples.split("\n\n"):
            block = block.replace("/var/lib/troth/c1", cluster.coordinator.data).replace("5TCEHW", "$(troth txn list --recent -o plain --no-headers | head -1 | cut -f1)")
            typed_in(block, "COMMITTED" if "submit" in block else "")
        reference = (ROOT / "docs/reference/cli.md").read_text()
        order = re.search(r"^(\{\"key.*?)\n```", reference, re.M | re.S).group(1)
        pathlib.Path(cluster.dir, "order.json").write_text(order.replace("order-17", "order-18"))
        typed_in("troth submit order.json", "COMMITTED")
        curl = re.search(r"^    (curl -s .*?}]}')$", (ROOT / "docs/reference/http.md").read_text(), re.M | re.S).group(1)
        typed_in(curl.replace("127.0.0.1:7421", cluster.coordinator.http).replace("/etc/troth/http-token", str(token)), '"COMMITTED"')
        ddl = re.search(r"^    (troth sql stock .*)$", (ROOT / "docs/reference/sql.md").read_text(), re.M).group(1)
        typed_in(ddl, "")
        cluster.settle()
        self.assertEqual(cluster.read("stock", "SELECT id, n FROM items"), [(1, 98), (7, 97)])
        self.assertEqual(cluster.read("ledger", "SELECT order_id FROM entries ORDER BY 1"), [(f"order-{n}",) for n in ("15", "16", "17", "18", "88121")])

    def test_files_and_flags_that_documents_name_exist(self):
        for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
            text = page.read_text()
            for script in set(re.findall(r"\bbash ((?:tests|examples|bench)/[\w./-]+\.sh)", text)):
                self.assertTrue((ROOT / script).is_file(), f"{page}: {script}")
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
                self.assertTrue((page.parent / link).exists(), f"{page}: {link}")


if __name__ == "__main__":
    unittest.main()

"""Certificates end to end: real daemons that speak TLS, roles, refusals, renewals, and the rule about addresses off loopback."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest

from harness import BIN, Case

TROTH = os.path.join(BIN, "troth")


class Authority:
    """`troth cert` in a directory of the test."""

    def __init__(self, directory, cluster="default"):
        self.dir = directory
        self.run("init", directory, "--cluster", cluster)

    def run(self, *words, expect=0):
        reply = subprocess.run([TROTH, "cert", *words, "--ca", self.dir], capture_output=True, text=True, timeout=20)
        assert reply.returncode == expect, reply.stderr
        return reply

    def node(self, name, role, *more):
        self.run("node", name, "127.0.0.1", "localhost", "--role", role, *more)
        return self.of(name)

    def client(self, name, role, *more):
        self.run("client", name, "--role", role, *more)
        return self.of(name)

    def of(self, name):
        return os.path.join(self.dir, "issued", name)


class Tls(Case):
    def secured(self, participants=2, **flags):
        """A cluster whose nodes have certificates, not started."""
        flags.setdefault("coordinator_flags", ("--prepare-timeout", "20s", "--resend-interval", "50ms"))  # slow machines reach it too
        cluster = self.cluster(participants, **flags)
        ca = Authority(os.path.join(cluster.dir, "ca"))
        for daemon in cluster.daemons():
            role = "coordinator" if daemon is cluster.coordinator else "participant"
            directory, base = ca.node(daemon.name, role), daemon.arguments
            daemon.arguments = lambda base=base, directory=directory: [*base(), "--tls-dir", directory]
        return cluster, ca

    def as_client(self, cluster, tls_dir, *words, at=None):
        command = [TROTH, "-e", (at or cluster.coordinator).address, "--timeout", "10s"]
        if tls_dir:
            command += ["--tls-dir", tls_dir]
        return subprocess.run([*command, *words], capture_output=True, text=True, timeout=40)

    def test_transactions_by_role(self):
        cluster, ca = self.secured()
        cluster.start()
        web = ca.client("web", "app")
        ann = ca.client("ann", "operator+observer+auditor+app")
        reply = self.as_client(cluster, web, "submit", *cluster.transfer_words("g1"))
        self.assertEqual(reply.returncode, 0, reply.stderr)
        denied = self.as_client(cluster, web, "status")
        self.assertEqual(denied.returncode, 5, denied.stderr)
        self.assertIn("troth://default/app/web has no permission for read_status", denied.stderr)
        status = self.as_client(cluster, ann, "status")
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertIn("NETWORK  tls   certificate troth://default/coordinator/c1", status.stdout)
        self.assertNotIn("DOWN", status.stdout)
        drained = self.as_client(cluster, ann, "--operator", "mallory", "participant", "drain", "p1", "--reason", "test")
        self.assertEqual(drained.returncode, 0, drained.stderr)
        self.assertEqual(self.as_client(cluster, ann, "participant", "resume", "p1").returncode, 0)
        audit = self.as_client(cluster, ann, "audit", "-o", "json").stdout
        self.assertIn("troth://default/app+observer+auditor+operator/ann", audit)
        self.assertNotIn("mallory", audit)
        reader = ca.client("reader", "app", "--participant", "p1:read")
        read = self.as_client(cluster, reader, "sql", "p1", "SELECT count(*) FROM a")
        self.assertEqual(read.returncode, 0, read.stderr)
        for words in (["sql", "p1", "DELETE FROM a"], ["sql", "p2", "SELECT 1"]):
            reply = self.as_client(cluster, reader, *words)
            self.assertEqual(reply.returncode, 5, reply.stderr)
            self.assertIn("no permission for submit", reply.stderr)
        self.assertEqual({"g1"}, cluster.gids("p1"))

    def test_refusals_name_the_certificate(self):
        cluster, ca = self.secured(participants=1)
        cluster.start()
        bank = Authority(os.path.join(cluster.dir, "bank"), "bank")
        late = ca.client("late", "app", "--from", "2020-01-01T00:00:00Z", "--days", "1")
        early = ca.client("early", "app", "--from", "2090-01-01T00:00:00Z")
        gone = ca.client("gone", "app")
        kept = os.path.join(cluster.dir, "gone")
        shutil.copytree(gone, kept)
        ca.run("revoke", "gone")
        cluster.coordinator.terminate()
        cluster.coordinator.start()
        for directory, sentence in ((late, "valid from 2020-01-01T00:00:00Z to 2020-01-02T00:00:00Z) has expired"), (early, "is not valid yet"),
                                    (bank.client("web", "app"), "belongs to cluster default, this process to cluster bank"),
                                    (kept, "it was revoked with `troth cert revoke`"), (None, "does it speak TLS?")):
            reply = self.as_client(cluster, directory, "status")
            self.assertIn(sentence, reply.stderr)
            self.assertIn(reply.returncode, (2, 3), reply.stderr)
        self.assertIn("troth://default/app/gone", cluster.coordinator.log_tail())
        self.assertIn("was revoked with", cluster.coordinator.log_tail())

    def wait_for(self, daemon, sentence, times=1):
        deadline = time.monotonic() + 20
        while daemon.log_tail().count(sentence) < times:
            self.assertLess(time.monotonic(), deadline, daemon.log_tail())
            time.sleep(0.02)

    def test_rotation_under_load(self):
        """A new CA, every certificate renewed, the old CA revoked: by the files alone, or by SIGHUP. No transaction fails."""
        cluster, ca = self.secured()
        web = ca.client("web", "app")
        cluster.start()
        before = [daemon.process.pid for daemon in cluster.daemons()]
        stop, failures, done = threading.Event(), [], []

        def load():
            while not stop.is_set():
                gid = f"g{len(done)}"
                reply = self.as_client(cluster, web, "submit", *cluster.transfer_words(gid))
                (done if reply.returncode == 0 else failures).append(gid if reply.returncode == 0 else reply.stderr)

        thread = threading.Thread(target=load)
        thread.start()
        for step, sign in ((["renew", "--new-ca"], "authorities=2"), (["renew", "--all"], None), (["revoke", "--old-ca"], "authorities=1")):
            ca.run(*step)
            newest = {row["name"]: row["serial"] for row in json.loads(ca.run("show", "-o", "json").stdout)["certificates"] if row["state"] == "valid"}
            for daemon in cluster.daemons():
                if daemon.name == "p1":
                    daemon.process.send_signal(signal.SIGHUP)
                self.wait_for(daemon, sign or newest[daemon.name])
        some = len(done) + 5
        deadline = time.monotonic() + 20
        while len(done) < some and time.monotonic() < deadline:
            time.sleep(0.02)
        stop.set()
        thread.join()
        self.assertEqual(failures, [])
        self.assertGreaterEqual(len(done), some)
        self.assertEqual(cluster.gids("p1"), set(done))
        for daemon, pid in zip(cluster.daemons(), before):
            self.assertEqual(daemon.process.pid, pid)

    def test_a_revoked_node_is_cut_off(self):
        cluster, ca = self.secured()
        ann = ca.client("ann", "observer")
        cluster.start()
        ca.run("revoke", "p2")
        self.wait_for(cluster.coordinator, "link closed")
        self.wait_for(cluster.coordinator, "link down")
        status = json.loads(self.as_client(cluster, ann, "status", "-o", "json").stdout)
        links = {link["peer"]: link for link in status["links"]}
        self.assertEqual((links["p1"]["connected"], links["p2"]["connected"]), (True, False))
        self.assertIn("was revoked with `troth cert revoke`", links["p2"]["last_error"])
        self.assertNotIn("link closed\" peer=p1", cluster.coordinator.log_tail())

    def test_http_speaks_tls_and_asks_for_roles(self):
        cluster, ca = self.secured(participants=1)
        token = os.path.join(cluster.dir, "token")
        with open(token, "w") as f:
            f.write("0123456789abcdef0123456789abcdef\n")
        os.chmod(token, 0o600)
        base = cluster.coordinator.arguments
        cluster.coordinator.arguments = lambda: [*base(), "--http", "127.0.0.1:0", "--http-token-file", token]
        cluster.start()
        ann, web = ca.client("ann", "observer+operator"), ca.client("web", "app")
        cacert = ["--cacert", os.path.join(ann, "ca.crt")]

        def curl(path, holder=None, *more, expect=200):
            words = ["curl", "-s", "-o", "-", "-w", "\n%{http_code}", *cacert, *more]
            if holder:
                words += ["--cert", os.path.join(holder, "tls.crt"), "--key", os.path.join(holder, "tls.key")]
            reply = subprocess.run([*words, f"https://{cluster.coordinator.http}{path}"], capture_output=True, text=True, timeout=20)
            body, code = reply.stdout.rsplit("\n", 1)
            self.assertEqual(int(code), expect, (path, holder, reply.stdout, reply.stderr))
            return body

        for path in ("/healthz", "/readyz", "/version", "/metrics"):
            curl(path)
        curl("/api/v1/status", expect=403)
        self.assertIn('"transport": "tls"', curl("/api/v1/status", ann).replace('":"', '": "'))
        curl("/api/v1/status", web, expect=403)
        curl("/api/v1/status", None, "-H", "Authorization: Bearer 0123456789abcdef0123456789abcdef")
        body = ["-X", "POST", "-H", "Content-Type: application/json", "-d", '{"branches": [{"on": "p1", "statements": ["SELECT 1"]}]}']
        curl("/api/v1/transactions", web, *body)
        curl("/api/v1/transactions", ann, *body, expect=403)
        curl("/api/v1/transactions", None, *body, expect=401)
        curl("/api/v1/participants/p1/drain", web, "-X", "POST", "-H", "Content-Type: application/json", "-d", "{}", expect=403)
        curl("/api/v1/participants/p1/drain", ann, "-X", "POST", "-H", "Content-Type: application/json", "-d", "{}")
        curl("/api/v1/participants/p1/resume", ann, "-X", "POST", "-d", "x=1", expect=415)
        curl("/api/v1/participants/p1/resume", ann, "-X", "POST", "-H", "Content-Type: application/json", "-d", "{}")
        self.assertIn("troth://default/observer+operator/ann", self.as_client(cluster, ca.client("eve", "auditor"), "audit", "-o", "json").stdout)
        plain = subprocess.run(["curl", "-s", f"http://{cluster.coordinator.http}/healthz"], capture_output=True, text=True, timeout=20)
        self.assertNotEqual(plain.returncode, 0)

    def test_a_node_needs_its_own_certificate(self):
        cluster, ca = self.secured(participants=1)
        c1 = cluster.coordinator
        cluster.participants["p1"].start()
        own = c1.arguments()
        for directory, sentence in ((ca.client("web", "app"), "holds the certificate troth://default/app/web"),
                                    (ca.of("p1"), "holds the certificate troth://default/participant/p1"),
                                    (os.path.join(cluster.dir, "none"), "ca.crt is not there")):
            c1.arguments = lambda directory=directory: [directory if word == ca.of("c1") else word for word in own]
            self.assertEqual(c1.start_expecting_exit(), 64, c1.log_tail())
            self.assertIn(sentence, c1.log_tail())

    def test_off_loopback_without_tls_is_refused(self):
        cluster, ca = self.secured(participants=1)
        p1 = cluster.participants["p1"]
        words = ["--data-dir", p1.data, "--database", cluster.database("p1"), "--advertise", "127.0.0.1:1", "--check-config"]

        def check(*more):
            return subprocess.run([os.path.join(BIN, p1.program), *words, *more], capture_output=True, text=True, timeout=20)

        for more in (["--listen", "0.0.0.0:0"], ["--listen", "[::]:0"], ["--http", "0.0.0.0:0"]):
            refused = check(*more)
            self.assertEqual(refused.returncode, 64, more)
            self.assertIn("is reached from other machines, and it speaks no TLS", refused.stderr)
            self.assertEqual(check(*more, "--insecure", "true").returncode, 0)
        self.assertEqual(check("--listen", "0.0.0.0:0", "--http", "0.0.0.0:0", "--tls-dir", ca.of("p1")).returncode, 0)
        self.assertEqual(check("--listen", "localhost:0", "--http", "127.0.0.1:0").returncode, 0)
        self.assertEqual(check("--insecure", "yes").returncode, 64)

    def test_insecure_is_said_again_and_again(self):
        cluster = self.cluster(1)
        p1 = cluster.participants["p1"]
        base = p1.arguments
        p1.arguments = lambda: [*base(), "--listen", "0.0.0.0:0", "--advertise", "127.0.0.1:1", "--insecure", "true", "--http", "127.0.0.1:0"]
        process = subprocess.Popen([os.path.join(BIN, p1.program), "--data-dir", p1.data, *p1.arguments()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        ready = json.loads(process.stdout.readline())
        port = ready["thrift"].rsplit(":", 1)[1]
        doctor = subprocess.run([TROTH, "-e", f"127.0.0.1:{port}", "doctor"], capture_output=True, text=True, timeout=20)
        self.assertIn("insecure = true", doctor.stdout)
        status = subprocess.run([TROTH, "-e", f"127.0.0.1:{port}", "status"], capture_output=True, text=True, timeout=20)
        self.assertIn("NETWORK  insecure", status.stdout)
        metrics = subprocess.run(["curl", "-s", f"http://{ready['http']}/metrics"], capture_output=True, text=True, timeout=20)
        self.assertIn("troth_insecure 1\n", metrics.stdout)
        process.stdout.close()


if __name__ == "__main__":
    unittest.main()

"""What can be changed over HTTP, on live daemons: transactions and what operators do, by who knows the token and by nobody else."""
import http.client
import json
import pathlib
import socket
import time
import unittest

from harness import Case

TOKEN = "0123456789abcdef-of-a-test"
JSON = "application/json"


class HttpWrites(Case):
    def token_cluster(self, **failpoints):
        cluster = self.cluster()
        self.token = pathlib.Path(cluster.dir) / "token"
        self.token.write_text(TOKEN + "\n")
        self.token.chmod(0o600)
        for daemon in cluster.daemons():
            base = daemon.arguments
            daemon.arguments = lambda base=base: [*base(), "--http", "127.0.0.1:0", "--http-token-file", str(self.token)]
        return cluster.start(**failpoints)

    def post(self, daemon, path, body, token=TOKEN, kind=JSON, method="POST", **more):
        connection = http.client.HTTPConnection(daemon.http, timeout=20)
        headers = {k: v for k, v in (("Authorization", token and f"Bearer {token}"), ("Content-Type", kind)) if v}
        try:
            connection.request(method, path, body if isinstance(body, (str, bytes)) else json.dumps(body), {**headers, **more})
            reply = connection.getresponse()
            text = reply.read().decode()
            return reply.status, dict(reply.getheaders()), json.loads(text) if reply.headers["Content-Type"] == JSON else text
        finally:
            connection.close()

    @staticmethod
    def transfer(gid, amount=1, key=None):
        def on(name, by):
            return {"on": name, "statements": [{"sql": "UPDATE a SET v = v + ?1 WHERE id = 1", "params": [by], "expect": "rows = 1"},
                                               {"sql": "INSERT INTO did VALUES (?1)", "params": [gid]}]}
        return {**({"key": key} if key else {}), "branches": [on("p1", -amount), on("p2", amount)]}

    def test_transactions(self):
        cluster = self.token_cluster()
        c1, path = cluster.coordinator, "/api/v1/transactions"
        code, _, done = self.post(c1, path, self.transfer("t1", key="k1"))
        self.assertEqual((code, done["schema"], done["outcome"]), (200, "troth.submit/1", "COMMITTED"))
        printed = json.loads(cluster.cli("submit", "-", "-o", "json", stdin=json.dumps(self.transfer("t1", key="k1"))).stdout)
        self.assertEqual((printed["txn_id"], printed["replayed"]), (done["txn_id"], True), "one key, two transactions")
        self.assertEqual(self.post(c1, path, self.transfer("t1", 2, key="k1"))[0], 409)
        code, _, aborted = self.post(c1, path, self.transfer("t2", 5000))
        self.assertEqual((code, aborted["outcome"], aborted["reason"]["code"]), (409, "ABORTED", "CONSTRAINT"))
        code, _, refused = self.post(c1, path, {"branches": [{"on": "nobody", "statements": ["DELETE FROM a"]}]})
        self.assertEqual((code, refused["error"]["code"]), (404, "NOT_FOUND"))
        outcome = self.post(c1, "/api/v1/outcomes/" + done["txn_id"], "", method="GET")
        self.assertEqual((outcome[0], outcome[2]["outcome"]), (200, "COMMITTED"))
        self.assertEqual(self.post(c1, "/api/v1/outcomes?key=k1", "", method="GET")[2]["txn_id"], done["txn_id"])
        self.assertEqual(self.post(cluster.participants["p1"], path, self.transfer("t3"))[2]["code"], "UNSUPPORTED")
        self.audit(cluster, committed=["t1"], aborted=["t2"])

    def test_a_connection_that_breaks_leaves_it_open(self):
        cluster = self.token_cluster(c1="coordinator.commit.durable=kill")
        c1, path = cluster.coordinator, "/api/v1/transactions"
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.post(c1, path, self.transfer("t1", key="k1"))
        c1.wait()
        c1.start()
        code, _, done = self.post(c1, path, self.transfer("t1", key="k1"))
        self.assertEqual((code, done["outcome"], done["replayed"]), (200, "COMMITTED", True))
        self.audit(cluster, committed=["t1"])

    def test_a_file_that_is_late_does_not_hide_the_commit(self):
        cluster = self.token_cluster(p2="participant.commit.received=kill")
        c1, path = cluster.coordinator, "/api/v1/transactions"
        code, _, told = self.post(c1, path, {**self.transfer("t1", key="k1"), "wait": "applied", "deadline": "300ms"})
        self.assertEqual((code, told["outcome"], told.get("applied", False)), (200, "COMMITTED", False), told)
        cluster.participants["p2"].wait()
        cluster.participants["p2"].start()
        self.audit(cluster, committed=["t1"])

    def test_who_may_not(self):
        cluster = self.token_cluster()
        c1, path = cluster.coordinator, "/api/v1/participants/p2/drain"
        for token in (None, "", "wrong", TOKEN + "x", TOKEN[:-1]):
            code, headers, body = self.post(c1, path, {}, token=token)
            self.assertEqual((code, body["schema"]), (401, "troth.error/1"), token)
            self.assertIn("Bearer", headers["WWW-Authenticate"])
        # What a form or fetch() in a page of somebody else can send without asking first.
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            self.assertIn(self.post(c1, path, "{}", kind=kind)[0], (400, 415), kind)
        code, headers, _ = self.post(c1, path, "", method="OPTIONS", Origin="http://evil.example", **{"Access-Control-Request-Method": "POST"})
        self.assertGreaterEqual(code, 400)
        self.assertFalse([h for h in headers if h.lower().startswith("access-control")])
        for method in ("PUT", "DELETE", "PATCH"):
            self.assertEqual(self.post(c1, path, {}, method=method)[0], 405)
        self.assertEqual(self.post(c1, "/api/v1/transactions", b"[" * (2 << 20))[0], 413)
        self.assertEqual(self.post(c1, "/api/v1/transactions", "[" * 100_000)[0], 400)
        self.assertEqual(self.post(c1, "/healthz", {})[0], 404)
        self.assertEqual(self.post(c1, "/api/v1/nowhere", {})[0], 404)
        self.endless_body(cluster)
        listed = json.loads(cluster.cli("participant", "list", "-o", "json").stdout)["participants"]
        self.assertEqual([p["draining"] for p in listed], [False, False])
        self.assertEqual(json.loads(cluster.cli("audit", "-o", "json").stdout)["entries"], [])
        self.assertIn("wrong token", c1.log_tail())

    def endless_body(self, cluster):
        """A chunked body without end is cut off, whatever the method."""
        host, port = cluster.coordinator.http.split(":")
        for method in ("POST", "PUT"):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(f"{method} /api/v1/transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
                chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
                sent = 0
                try:
                    while sent < 64 << 20:
                        connection.sendall(chunk)
                        sent += 65536
                except OSError:
                    pass
                self.assertLess(sent, 64 << 20, f"{method}: it took everything")

    def test_operators(self):
        cluster = self.token_cluster(c1="coordinator.commit.durable=kill")
        cluster.cli("submit", "-", "--timeout", "3s", stdin=json.dumps(self.transfer("t1")))
        cluster.coordinator.wait()
        p1 = cluster.participants["p1"]
        deadline = time.monotonic() + 15
        while any(link["connected"] for link in cluster.status(p1)["links"] if link["peer"] == "c1"):
            self.assertLess(time.monotonic(), deadline)
        gtid = self.post(p1, "/api/v1/transactions?filter=in_doubt", "", method="GET")[2]["transactions"][0]["txn_id"]
        at = f"/api/v1/transactions/{gtid}/"
        dry = self.post(p1, at + "resolve", {"decision": "commit", "dry_run": True})
        self.assertEqual((dry[0], dry[2]["applied"]), (200, False))
        sure = {"decision": "commit", "revision": dry[2]["revision"], "confirm": gtid[-6:], "reason": "c1 is lost", "operator": "ann"}
        for change in ({"reason": ""}, {"confirm": "AAAAAA"}, {"decision": None}, {"force": True}):
            self.assertEqual(self.post(p1, at + "resolve", {**sure, **change})[0], 400, change)
        for change in ({"revision": "1.prepared.7"}, {"revision": ""}):
            code, _, body = self.post(p1, at + "resolve", {**sure, **change})
            self.assertEqual((code, body["code"]), (409, "ILLEGAL_STATE"))
        code, _, done = self.post(p1, at + "resolve", sure)
        self.assertEqual((code, done["applied"]), (200, True), done)
        self.assertEqual(self.post(p1, at + "resolve", {**sure, "decision": "abort"})[0], 409)
        trail = self.post(p1, "/api/v1/audit", "", method="GET")[2]["entries"]
        self.assertEqual([(e["action"], e["by"], e["reason"]) for e in trail if e["result"] == "ok"],
                         [("resolve_commit", "ann, over HTTP from 127.0.0.1", "c1 is lost")])
        cluster.coordinator.start()
        self.assertEqual(self.post(cluster.coordinator, "/api/v1/transactions/retry", {})[0], 200)
        deadline = time.monotonic() + 15
        while "decided the same" not in cluster.cli_at(p1, "txn", "show", gtid).stdout:
            self.assertLess(time.monotonic(), deadline)
        self.assertFalse(self.post(p1, at + "forget", {"dry_run": True})[2]["applied"])
        self.assertTrue(self.post(p1, at + "forget", {"confirm": gtid[-6:], "reason": "agreed"})[2]["applied"])
        self.drain_and_resume(cluster)
        self.audit(cluster, committed=["t1", "t3"], aborted=["t2"])

    def drain_and_resume(self, cluster):
        c1 = cluster.coordinator
        self.assertTrue(self.post(c1, "/api/v1/participants/p2/drain", {"reason": "new disk", "operator": "bob"})[2]["draining"])
        code, _, refused = self.post(c1, "/api/v1/transactions", self.transfer("t2"))
        self.assertEqual((code, refused["error"]["code"]), (503, "BUSY"))
        self.assertEqual(self.post(c1, "/api/v1/participants/nobody/drain", {})[2]["code"], "NOT_FOUND")
        self.assertFalse(self.post(c1, "/api/v1/participants/p2/resume", {})[2]["draining"])
        self.assertEqual(self.post(c1, "/api/v1/transactions", self.transfer("t3"))[0], 200)
        self.assertIn("bob, over HTTP from 127.0.0.1", cluster.cli("audit", "-o", "json").stdout)

    def test_the_token_can_be_replaced_and_must_be_kept(self):
        cluster = self.token_cluster()
        c1, path = cluster.coordinator, "/api/v1/transactions/retry"
        self.assertEqual(self.post(c1, path, {})[0], 200)
        self.token.write_text("too short\n")
        self.hang_up(c1, "the HTTP token stays as it was")
        self.assertEqual(self.post(c1, path, {})[0], 200)
        self.token.write_text("another-0123456789\n")
        self.hang_up(c1, "msg=reloaded")
        self.assertEqual(self.post(c1, path, {})[0], 401)
        self.assertEqual(self.post(c1, path, {}, token="another-0123456789")[0], 200)
        self.token.chmod(0o644)
        c1.terminate()
        self.assertEqual(c1.start_expecting_exit(), 64)
        self.assertIn("chmod", c1.log_tail())
        base = c1.arguments
        c1.arguments = lambda: [w for w in base() if w not in ("--http-token-file", str(self.token))]
        c1.start()
        code, _, body = self.post(c1, path, {}, token="another-0123456789")
        self.assertEqual((code, body["error"]), (403, "this HTTP port is read-only"))
        cluster.settle()


if __name__ == "__main__":
    unittest.main()

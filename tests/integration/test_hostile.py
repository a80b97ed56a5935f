"""Hostile input on the real ports of real daemons: others are served meanwhile, nothing is changed, nothing is kept (rpc.md 1.6)."""
import os
import socket
import struct
import tempfile
import time
import unittest
import urllib.request

from harness import Case
from wire import behind_relays, framed, host_port, method

STRICT_CALL = 0x80010001
MOST_MIB = 400 if os.environ.get("TROTH_SANITIZE") else 40  # a daemon may grow by under attack; a sanitizer keeps what was freed


def call(name, body=b"\0"):
    return struct.pack(">II", STRICT_CALL, len(name)) + name.encode() + struct.pack(">I", 1) + body


def answer_of(sock):
    """One frame, or what arrived until the daemon closed."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack_from(">I", data)[0]:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            break
        data += more
    return data


def memory_of(daemon):
    """The most the process ever had resident, in MiB."""
    with open(f"/proc/{daemon.process.pid}/status") as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmHWM"))


def files_of(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


class Hostile(Case):
    def connect(self, daemon):
        sock = socket.create_connection(host_port(daemon.address), timeout=20)
        self.addCleanup(sock.close)
        return sock

    def must_close(self, daemon, data, what, address=None):
        """Sends `data`, says that nothing follows; the daemon may answer, and must close."""
        with socket.create_connection(host_port(address or daemon.address), timeout=20) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except TimeoutError:
                self.fail(f"{daemon.name} neither answers nor closes: {what}")
            except OSError:
                pass  # closed before everything was sent
        self.assertTrue(daemon.running(), f"{daemon.name} died: {what}: {daemon.log_tail()}")

    def committed(self, cluster, gid):
        done = cluster.transfer(gid)
        self.assertEqual(done.returncode, 0, done.stderr)
        return gid

    def test_foreign_protocols_and_impossible_lengths(self):
        cluster = self.cluster().start()
        submit = call("Coordinator:submit", b"\x0c\0\1")
        attacks = {
            "http": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "tls": bytes.fromhex("16030100f8010000f40303") + bytes(range(240)),
            "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
            "unframed thrift": call("getServerInfo"),
            "compact thrift": framed(b"\x82\x21\x01\x0dgetServerInfo\0"),
            "json thrift": framed(b'[1,"getServerInfo",1,1,{}]'),
            "old thrift without version": framed(struct.pack(">I", 13) + b"getServerInfo\1" + struct.pack(">I", 1) + b"\0"),
            "frame of 2 GiB": struct.pack(">I", 0x7FFFFFFF) + b"x" * 100,
            "negative frame": struct.pack(">I", 0xFFFFFFFF) + b"x" * 100,
            "frame just above the limit": struct.pack(">I", 16_384_001) + b"x" * 100,
            "empty frames": struct.pack(">I", 0) * 1000,
            "string of 2 GiB": framed(submit + b"\x0b\0\1" + struct.pack(">I", 0x7FFFFFFF)),
            "list of 2^31 structs": framed(submit + b"\x0f\0\2\x0c" + struct.pack(">I", 0x7FFFFFFF)),
            "a map of maps": framed(submit + b"\x0d\0\x63\x0d\x0d" + struct.pack(">I", 100_000)),
            "100,000 structs deep": framed(submit + b"\x0c\0\x63" * 100_000),
            "a reply": framed(struct.pack(">II", 0x80010002, 1) + b"x" + struct.pack(">I", 1) + b"\0"),
            "zeros": bytes(100_000),
            "every byte": bytes(range(256)) * 100,
        }
        for daemon in cluster.daemons():
            files, memory = files_of(daemon), memory_of(daemon)
            for what, data in attacks.items():
                self.must_close(daemon, data, what)
            self.assertLess(memory_of(daemon) - memory, MOST_MIB, daemon.name)
            self.assertLess(files_of(daemon), files + len(attacks) // 2, f"{daemon.name} keeps the connections of attackers")
        self.audit(cluster, committed=[self.committed(cluster, "after")])

    def test_what_others_write_does_not_drive_the_terminal_of_who_reads_the_log(self):
        with tempfile.NamedTemporaryFile("w") as token:  # readable by its owner alone
            token.write("0123456789abcdef0123456789\n")
            token.flush()
            cluster = self.cluster(1, coordinator_flags=("--http", "127.0.0.1:0", "--http-token-file", token.name)).start()
        for where in ("/%1b%5b2J", "/%c2%9b31m", "/%e2%80%ae"):  # logged with the refusal of the token
            with socket.create_connection(host_port(cluster.coordinator.http), timeout=20) as sock:
                head = f"POST {where} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer wrong\r\nContent-Type: application/json\r\n"
                sock.sendall(f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
                self.assertIn(b" 401 ", sock.recv(65536))
        log = cluster.coordinator.log_tail()
        self.assertIn("\\u009b", log)
        self.assertEqual([hex(ord(c)) for c in log if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")], [])

    def test_the_http_port_takes_no_harm_either(self):
        cluster = self.cluster(1, coordinator_flags=("--http", "127.0.0.1:0")).start()
        coordinator = cluster.coordinator
        memory = memory_of(coordinator)
        for what, data in {
            "thrift": framed(call("Admin:getStatus")),
            "zeros": bytes(100_000),
            "every byte": bytes(range(256)) * 100,
            "a path of 1 MB": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
            "a header of 1 MB": b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
            "100,000 headers": b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
            "a body of 1 TB": b"POST /healthz HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\nxx",
            "a negative body": b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "chunks without end": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nxx",
            "a path outside": b"GET /../../etc/passwd HTTP/1.1\r\n\r\n",
            "bad escapes": b"GET /api/v1/transactions?limit=%ff%00%zz&filter=%c3%28 HTTP/1.1\r\n\r\n",
            "half a request": b"GET /heal",
        }.items():
            self.must_close(coordinator, data, what, coordinator.http)
        self.assertLess(memory_of(coordinator) - memory, MOST_MIB)
        half = [socket.create_connection(host_port(coordinator.http), timeout=20) for _ in range(3)]
        for sock in half:
            self.addCleanup(sock.close)
            sock.sendall(b"GET /healthz HT")
        with urllib.request.urlopen(f"http://{coordinator.http}/healthz", timeout=20) as reply:
            self.assertEqual(reply.status, 200)
        self.assertEqual(cluster.transfer("after", amount=0, names=("p1",)).returncode, 0)
        self.audit(cluster, committed=["after"])

    def test_the_http_port_answers_in_a_crowd_and_sends_a_page_once(self):
        cluster = self.cluster(1, coordinator_flags=("--http", "127.0.0.1:0")).start()
        coordinator = cluster.coordinator
        with socket.create_connection(host_port(coordinator.http), timeout=20) as sock:
            ranges = ",".join(["0-"] * 400)
            sock.sendall(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes={ranges}\r\n\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:60])
        self.assertEqual(answer.count(b"troth_build_info{"), 1)
        for _ in range(300):
            self.addCleanup(socket.create_connection(host_port(coordinator.http), timeout=20).close)
        began = time.monotonic()
        with urllib.request.urlopen(f"http://{coordinator.http}/metrics", timeout=20) as reply:
            text = reply.read().decode()
        self.assertLess(time.monotonic() - began, 5)
        self.assertIn("\ntroth_http_connections_refused_total ", text)
        self.assertLess(files_of(coordinator), 250)

    def test_half_frames_and_slow_senders_hold_up_nobody(self):
        cluster = self.cluster().start()
        memory = {d.name: memory_of(d) for d in cluster.daemons()}
        held = []
        for daemon in cluster.daemons():
            for data in (b"", b"\0", b"\0\0\0", struct.pack(">I", 16_000_000), struct.pack(">I", 16_000_000) + call("submit"),
                         framed(call("Admin:getStatus"))[:-1]):
                for _ in range(10):
                    held.append(sock := self.connect(daemon))
                    sock.sendall(data)
        gids = [self.committed(cluster, f"t{i}") for i in range(5)]
        # 10 announced 16 MB and sent nothing, 10 a little of it: that costs no memory.
        for daemon in cluster.daemons():
            self.assertLess(memory_of(daemon) - memory[daemon.name], MOST_MIB, daemon.name)
        slow = self.connect(cluster.coordinator)
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = framed(call("Coordinator:getServerInfo", b"\x0c\0\1\0\0"))
        for at, byte in enumerate(request):
            slow.sendall(bytes([byte]))
            if at % 10 == 5:
                gids.append(self.committed(cluster, f"s{at}"))
        self.assertIn(b"c1", answer_of(slow), "a request that comes byte by byte is a request")
        for sock in held:
            sock.close()
        self.audit(cluster, committed=gids)

    def test_a_client_that_never_reads_holds_up_nobody(self):
        cluster = self.cluster().start()
        memory = {d.name: memory_of(d) for d in cluster.daemons()}
        request = framed(call("Admin:getStatus", b"\x0c\0\1\0\0")) * 100
        for daemon in cluster.daemons():
            deaf = self.connect(daemon)
            deaf.setblocking(False)
            sent = 0
            try:
                while sent < 64 << 20:  # until both directions are full
                    sent += deaf.send(request)
            except BlockingIOError:
                pass
        gids = [self.committed(cluster, f"t{i}") for i in range(5)]
        for daemon in cluster.daemons():
            self.assertLess(memory_of(daemon) - memory[daemon.name], MOST_MIB, daemon.name)
        self.audit(cluster, committed=gids)

    def test_calls_that_are_cut_anywhere_change_nothing(self):
        cluster = self.cluster()
        relays = behind_relays(cluster)
        for relay in relays.values():
            self.addCleanup(relay.close)
        cluster.start()
        gids = [self.committed(cluster, f"t{i}") for i in range(2)]
        cluster.settle()
        seen = set()
        for daemon in cluster.daemons():
            for body in relays[daemon.name].calls():
                if (daemon.name, method(body), len(body)) in seen:
                    continue
                seen.add((daemon.name, method(body), len(body)))
                for cut in range(0, len(body), 7):
                    self.must_close(daemon, framed(body[:cut]), f"{method(body)} cut at {cut}")
                    if cut % 4 == 0:
                        self.must_close(daemon, framed(body)[:cut], f"stream of {method(body)} cut at {cut}")
        self.assertTrue(any("deliver" in name for _, name, _ in seen), "the relays recorded no traffic")
        gids.append(self.committed(cluster, "after"))
        self.audit(cluster, committed=gids)

    def test_peer_calls_delivered_again_are_done_once(self):
        cluster = self.cluster()
        relays = behind_relays(cluster, stutters=True)
        for relay in relays.values():
            self.addCleanup(relay.close)
        cluster.start()
        gids = [self.committed(cluster, f"t{i}") for i in range(4)]
        aborted = cluster.transfer("bad", amount=5000)
        self.assertNotEqual(aborted.returncode, 0)
        gids.append(self.committed(cluster, "after"))
        self.audit(cluster, committed=gids, aborted=["bad"])
        cluster.settle()
        for name, relay in relays.items():
            self.assertGreater(relay.repeated, 20, f"{name} was told nothing twice")
        for daemon in cluster.daemons():
            done = [(r["type"], r["txn_id"]) for r in daemon.dump() if r["type"] in ("PREPARED", "COMMIT", "COMMITTED", "ONE_PHASE")]
            self.assertGreaterEqual(len(done), 5)
            self.assertEqual(len(done), len(set(done)), f"{daemon.name} did it again")

    def test_peer_calls_over_another_connection_are_refused(self):
        cluster = self.cluster()
        relays = behind_relays(cluster)
        for relay in relays.values():
            self.addCleanup(relay.close)
        cluster.start()
        gids = [self.committed(cluster, "one")]
        cluster.settle()
        written = lambda d: [r for r in d.dump() if r["txn_id"] and r["type"] != "END"]  # END comes in its own time
        before = {d.name: written(d) for d in cluster.daemons()}
        for daemon in cluster.daemons():
            heard = [b for b in relays[daemon.name].calls() if method(b) in ("Peer:hello", "Peer:deliver")]
            with self.connect(daemon) as sock:
                for body in heard:
                    sock.sendall(framed(body))
                    self.assertIn(b"has not proved that it is its own", answer_of(sock))
        for daemon in cluster.daemons():
            self.assertEqual(written(daemon), before[daemon.name])
        gids.append(self.committed(cluster, "after"))
        self.audit(cluster, committed=gids)


if __name__ == "__main__":
    unittest.main()

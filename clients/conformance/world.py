"""What the conformance cases need around a client: daemons of their own, and a proxy that does harm at the right moment.

A coordinator c1 and participants p1, p2 on ports of the kernel. Clients of every language are given these endpoints by name:
  proxy    the coordinator, through the proxy that `fault` arms
  proxy2   a second such proxy to the same coordinator
  direct   the coordinator
  dead     a port where nobody listens
  silent   takes connections and never answers
"""
import os
import pathlib
import re
import signal
import socket
import struct
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/integration"))
from harness import Cluster  # noqa: E402

SCHEMA = ("CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
          "CREATE TABLE acc(id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK(n >= 0));")
RESET = ("DELETE FROM t", "DELETE FROM acc", "INSERT INTO acc VALUES (1, 100), (2, 100)")


def frame(sock):
    """The body of the next frame, or None at the end."""
    def exactly(length):
        out = bytearray()
        while len(out) < length:
            data = sock.recv(min(length - len(out), 2**20))
            if not data:
                return None
            out += data
        return bytes(out)
    head = exactly(4)
    return exactly(*struct.unpack(">I", head)) if head else None


def method(body):
    length, = struct.unpack_from(">I", body, 4)
    return body[8:8 + length].decode().rpartition(":")[2]


def declared(body, field, code):
    """The answer to a call that carries an exception of the interface: field 4 of a result is Unavailable, field 6 Internal."""
    def text(number, value):
        return struct.pack(">bhI", 11, number, len(value)) + value
    length, = struct.unpack_from(">I", body, 4)
    fault = text(1, code) + text(2, b"said by the test") + struct.pack(">bhi", 8, 4, 50) + b"\0"
    return struct.pack(">I", 0x80010002) + body[4:12 + length] + struct.pack(">bh", 12, field) + fault + b"\0"


class Fault:
    """Harm to the next calls of one method.

      lose_request   closes the connection; the server never sees the call
      lose_answer    the server works on the call; its answer is thrown away and the connection closed
      cut_answer     half of the answer, then the end
      stall          the server works on the call; its answer is kept back and the connection stays open
      renumber       the answer carries another sequence number
      garble         the answer's body is noise
      unavailable    the server never sees the call; the answer is Unavailable BUSY, useful again after 50 ms
      internal       the server works on the call; its answer is replaced by a fault of the server
      huge           the answer announces two gigabytes
    """

    def __init__(self, kind, name, times):
        self.kind, self.name, self.times = kind, name, times


class Proxy:
    """Passes frames on. One connection to the server for each connection to it."""

    def __init__(self, target):
        self.target, self.faults, self.lock, self.calls, self.begun = target, [], threading.Lock(), [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, kind, name, times):
        with self.lock:
            self.faults.append(Fault(kind, name, times))

    def disarm(self):
        with self.lock:
            self.faults, self.calls, self.begun = [], [], []

    def fault_of(self, name):
        with self.lock:
            self.calls.append(name)
            for fault in self.faults:
                if fault.times > 0 and fault.name == name:
                    fault.times -= 1
                    return fault.kind
        return None

    def retry_named(self):
        """True if a request to begin names a transaction that an earlier answer has begun: the new one inherits its age."""
        with self.lock:
            gtids = [re.findall(rb"[0-9A-Z]{26}", answer)[:1] for _, answer in self.begun]
            return any(gtid and gtid[0] in request for at, gtid in enumerate(gtids) for request, _ in self.begun[at + 1:])

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = None
        try:
            host, port = self.target().rsplit(":", 1)
            server = socket.create_connection((host, int(port)))
            while (body := frame(client)) is not None:
                kind = self.fault_of(method(body))
                if kind == "lose_request":
                    return
                if kind == "unavailable":
                    answer = declared(body, 4, b"BUSY")
                    client.sendall(struct.pack(">I", len(answer)) + answer)
                    continue
                server.sendall(struct.pack(">I", len(body)) + body)
                answer = frame(server)
                if method(body) == "beginTransaction" and answer is not None:
                    with self.lock:
                        self.begun.append((body, answer))
                if kind == "internal":
                    answer, kind = declared(body, 6, b"INTERNAL"), None
                if answer is None or not self.answer(client, kind, answer):
                    return
        except OSError:
            pass
        finally:
            for end in (client, server):
                if end is not None:
                    end.close()

    @staticmethod
    def answer(client, kind, body):
        """False: the connection ends here."""
        head = struct.pack(">I", len(body))
        if kind == "lose_answer":
            return False
        if kind == "cut_answer":
            client.sendall(head + body[:len(body) // 2])
            return False
        if kind == "stall":
            client.recv(1)  # until the client gives up
            return False
        if kind == "huge":
            client.sendall(struct.pack(">I", 0x7FFFFFFF))
            return True
        if kind == "garble":
            body = bytes(b ^ 0x55 for b in body)
        if kind == "renumber":
            at = 8 + struct.unpack_from(">I", body, 4)[0]
            number, = struct.unpack_from(">i", body, at)
            body = body[:at] + struct.pack(">i", number ^ 0x1000) + body[at + 4:]
        client.sendall(head + body)
        return True


class World:
    def __init__(self):
        schema, Cluster.SCHEMA = Cluster.SCHEMA, SCHEMA
        try:
            # Patient where a loaded machine may be slow, quick where the cases wait for it.
            self.cluster = Cluster(2, coordinator_flags=("--prepare-timeout", "10s", "--resend-interval", "50ms"),
                                   participant_flags=("--lock-timeout", "2s"))
        finally:
            Cluster.SCHEMA = schema
        self.cluster.start()
        self.proxy, self.proxy2 = (Proxy(lambda: self.cluster.coordinator.address) for _ in range(2))
        self.silent = socket.create_server(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = closed.getsockname()[1]
        self.names = {"proxy": self.proxy.address, "proxy2": self.proxy2.address, "dead": f"127.0.0.1:{dead}", "silent": "127.0.0.1:%d" % self.silent.getsockname()[1]}

    def endpoint(self, name):
        return self.cluster.coordinator.address if name == "direct" else self.names[name]

    def daemon(self, name):
        return self.cluster.coordinator if name == "c1" else self.cluster.participants[name]

    def act(self, verb, name, failpoints=""):
        daemon = self.daemon(name)
        if verb == "kill":
            daemon.kill()
        elif verb == "start":
            daemon.start(failpoints)
        elif verb == "wait_exit":
            daemon.wait()
        elif verb == "stop":
            daemon.process.send_signal(signal.SIGSTOP)
        elif verb == "continue":
            daemon.process.send_signal(signal.SIGCONT)
        else:
            raise ValueError(verb)

    def arm(self, kind, method, times):
        for proxy in (self.proxy, self.proxy2):
            proxy.arm(kind, method, times)

    def disarm(self):
        for proxy in (self.proxy, self.proxy2):
            proxy.disarm()

    def heal(self):
        """Every daemon runs, nothing is armed."""
        self.disarm()
        for daemon in self.cluster.daemons():
            if daemon.process is not None and daemon.process.poll() is not None:
                daemon.wait()
            if daemon.process is None:
                daemon.start()
            os.kill(daemon.process.pid, signal.SIGCONT)

    def close(self):
        self.cluster.close()
        self.proxy.listener.close()
        self.proxy2.listener.close()
        self.silent.close()

"""A relay in front of a daemon that keeps what went through: seeds for the fuzzers, and material for attacks."""
import queue
import socket
import struct
import threading


def host_port(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def frames(stream):
    """The bodies of a stream of Thrift frames; what is cut off at its end is left out."""
    out, at = [], 0
    while at + 4 <= len(stream):
        length = struct.unpack_from(">I", stream, at)[0]
        if at + 4 + length > len(stream):
            break
        out.append(stream[at + 4:at + 4 + length])
        at += 4 + length
    return out


def framed(body):
    return struct.pack(">I", len(body)) + body


def method(body):
    """The name in a call's head, for example "Peer:deliver"."""
    length = struct.unpack_from(">I", body, 4)[0]
    return body[8:8 + length].decode()


class Relay:
    """Listens at `address` and passes everything on to where `target()` says at that moment. `requests` holds one byte string a connection.
    `stutters`: each Peer:deliver is followed by itself and by those before it, the newest first; the sender sees one answer."""

    def __init__(self, target, stutters=False):
        self.target, self.stutters, self.repeated = target, stutters, 0
        self.requests, self.sockets = [], []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(host_port(self.target()))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()  # the daemon is down: so is its relay
                continue
            record = bytearray()
            with self.lock:
                self.requests.append(record)
                self.sockets += [client, server]
            if self.stutters:
                wanted = queue.SimpleQueue()  # of each frame sent to the server: whether the client gets its answer
                threading.Thread(target=self.stutter, args=(client, server, wanted), daemon=True).start()
                threading.Thread(target=self.answer, args=(server, client, wanted), daemon=True).start()
                continue
            threading.Thread(target=self.copy, args=(client, server, record), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, None), daemon=True).start()

    def stutter(self, client, server, wanted):
        delivered = []
        for body in self.each_frame(client, server):
            again = []
            if method(body) == "Peer:deliver":
                delivered.append(body)
                again = delivered[-20:][::-1]
            wanted.put(True)
            for _ in again:
                wanted.put(False)
            server.sendall(b"".join(map(framed, [body, *again])))
            self.repeated += len(again)

    def answer(self, server, client, wanted):
        for body in self.each_frame(server, client):
            if wanted.get():
                client.sendall(framed(body))

    @staticmethod
    def each_frame(source, sink):
        """Until either end is closed; then both are."""
        buffer = b""
        try:
            while data := source.recv(65536):
                buffer += data
                whole = frames(buffer)
                buffer = buffer[sum(4 + len(body) for body in whole):]
                yield from whole
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    @staticmethod
    def copy(source, sink, record):
        try:
            while data := source.recv(65536):
                if record is not None:
                    record += data
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def calls(self):
        """Every call that went through, in order of its connection."""
        with self.lock:
            return [body for stream in self.requests for body in frames(bytes(stream))]

    def close(self):
        self.listener.close()
        with self.lock:
            for end in self.sockets:
                end.close()


def behind_relays(cluster, stutters=False):
    """Puts a relay in front of every daemon of a cluster that has not been started; returns them by name. `cluster.start()` comes next."""
    relays = {}
    for daemon in cluster.daemons():
        relays[daemon.name] = relay = Relay(lambda daemon=daemon: daemon.address, stutters)
        arguments = daemon.arguments
        daemon.arguments = lambda arguments=arguments, relay=relay: ["--advertise", relay.address, *arguments()]
    flags = cluster.coordinator.arguments

    def through_relays():
        out = []
        for word in flags():
            name, equals, address = word.partition("=")
            out.append(f"{name}={relays[name].address}" if equals and name in relays and address else word)
        return out

    cluster.coordinator.arguments = through_relays
    return relays

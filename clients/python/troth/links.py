"""Connections with an absolute deadline, blocking: resolve, connect, send, receive. asyncio's are in troth/aio.py.

Two kinds of failure, because they mean different things:
  NotSent   the server cannot have received the whole request. It may be sent anywhere.
  Lost      the request was sent and no answer came. Unknown.
"""
import os
import queue
import select
import socket
import threading
import time

from troth import wire
from troth.tls import Refused


class NotSent(Exception):
    """The request did not leave as a whole."""


class Lost(Exception):
    """The request left as a whole. There is no answer."""


def numeric(host, port):
    """Addresses of a literal; None for a name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None


def interleaved(found):
    """IPv6 and IPv4 in turn, as RFC 8305 orders them: a dead family costs one attempt only."""
    first = [a for a in found if a[0] == found[0][0]]
    other = [a for a in found if a[0] != found[0][0]]
    out = []
    while first or other:
        out += [group.pop(0) for group in (first, other) if group]
    return out


def resolve(host, port, deadline):
    """getaddrinfo() has no timeout, so it runs on a thread that is left alone when the time is over."""
    found = numeric(host, port)
    if found:
        return found
    answers = queue.SimpleQueue()

    def look_up():
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as fault:
            answers.put(fault)

    threading.Thread(target=look_up, daemon=True, name="troth-resolve").start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise NotSent(f"{host}: no address in time") from None
    if isinstance(answer, OSError):
        raise NotSent(f"{host}: {answer}")
    return interleaved(answer)


def secured(sock, host, tls, deadline):
    """The socket with TLS on it."""
    try:
        sock.settimeout(max(deadline.left(), 0.001))
        made = tls.context().wrap_socket(sock, server_hostname=host)
        tls.judge(made.getpeercert())
        return made
    except BaseException as fault:
        sock.close()
        if isinstance(fault, (OSError, Refused)):
            raise NotSent(f"{host}: TLS: {fault}") from fault
        raise


def dial(endpoint, deadline):
    """A connected socket. Each address gets a fair share of the time, so one that drops packets does not hide the next."""
    addresses = resolve(endpoint.host, endpoint.port, deadline)
    problem = "no time left"
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        share = deadline.left() / (len(addresses) - number)
        if share <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(share)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as fault:
            sock.close()
            problem = "no answer in time" if isinstance(fault, TimeoutError) else (fault.strerror or str(fault))
    raise NotSent(f"{endpoint.name}: {problem}")


class Link:
    """One connection; one thread uses it at a time. It belongs to the process that made it: a child only closes its copy."""

    def __init__(self, endpoint, deadline, tls=None):
        self.endpoint, self.sequence, self.pid = endpoint, 0, os.getpid()
        self.sock = dial(endpoint, deadline)
        if tls is not None:
            self.sock = secured(self.sock, endpoint.host, tls, deadline)

    def stale(self):
        """True if the server has closed it, or something unexpected lies in it."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    def close(self):
        self.sock.close()

    async def accepted(self, deadline):
        """With TLS 1.3 a server refuses a client's certificate after the handshake. So a call that does nothing comes first: if it fails,
        nothing was sent that matters."""
        try:
            await self.exchange(wire.HELLO, deadline)
        except (Lost, NotSent, wire.BadAnswer) as fault:
            self.close()
            raise NotSent(f"{self.endpoint.name}: the server does not accept this certificate, or speaks no TLS: {fault}") from fault

    async def exchange(self, frame, deadline):
        """The body of the answer. `async` for troth/core.py; it never suspends."""
        try:
            self.sock.settimeout(max(deadline.left(), 0.001))
            self.sock.sendall(frame)
        except OSError as fault:
            raise NotSent(f"{self.endpoint.name}: {fault}") from fault
        try:
            return self.receive(wire.frame_length(self.receive(4, deadline)), deadline)
        except OSError as fault:
            raise Lost("no answer in time" if isinstance(fault, TimeoutError) else str(fault)) from fault

    def receive(self, length, deadline):
        out = bytearray(length)
        view, at = memoryview(out), 0
        while at < length:
            if deadline.passed():
                raise TimeoutError
            self.sock.settimeout(max(deadline.left(), 0.001))
            got = self.sock.recv_into(view[at:])
            if got == 0:
                raise ConnectionResetError("the connection was closed")
            at += got
        return bytes(out)


class Pool:
    """Idle connections, at most `size` for each coordinator. Thread-safe. A child after fork() gets a pool of its own (troth/client.py)."""

    def __init__(self, size, tls=None):
        self.size, self.tls = size, tls
        self.lock, self.idle, self.closed = threading.Lock(), {}, False

    async def take(self, endpoint, deadline):
        """An idle connection to the endpoint, or a new one. Raises NotSent."""
        while True:
            with self.lock:
                waiting = self.idle.get(endpoint.name)
                link = waiting.pop() if waiting else None
            if link is None:
                link = Link(endpoint, deadline, self.tls)
                if self.tls is not None:
                    await link.accepted(deadline)
                return link
            if not link.stale():
                return link
            link.close()

    def give_back(self, link):
        if link.pid == os.getpid():
            with self.lock:
                waiting = self.idle.setdefault(link.endpoint.name, [])
                if not self.closed and len(waiting) < self.size:
                    return waiting.append(link)
        link.close()

    async def pause(self, seconds):
        time.sleep(seconds)

    def close(self):
        with self.lock:
            self.closed, idle, self.idle = True, self.idle, {}
        self.close_all(idle)

    def inherited(self):
        """In a child: closes its copies of the parent's sockets. Nothing is sent, and no lock of the parent's threads is taken."""
        self.close_all(self.idle)
        self.idle = {}

    def __del__(self):
        self.close_all(self.idle)

    @staticmethod
    def close_all(idle):
        for links in idle.values():
            for link in links:
                link.close()

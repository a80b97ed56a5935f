"""Which coordinator gets the next request: the less busy of two chosen at random. One that failed is left out for a while."""
import random
import threading
import time

from troth.errors import InvalidRequest

DEFAULT_PORT = 7420
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0


def parse(text):
    """(host, port) of host, host:port, [v6]:port."""
    text = text.strip()
    host, port = text, DEFAULT_PORT
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise InvalidRequest("INVALID_ARGUMENT", f"endpoint {text!r}: not [address]:port")
        port = rest[1:] or DEFAULT_PORT
    elif text.count(":") == 1:
        host, port = text.split(":")
    try:
        port = int(port)
    except ValueError:
        port = 0
    if not host or not 0 < port < 65536:
        raise InvalidRequest("INVALID_ARGUMENT", f"endpoint {text!r}: not host:port")
    return host, port


class Endpoint:
    """One coordinator. Its Endpoints owns the lock for the counters."""

    def __init__(self, text):
        self.host, self.port = parse(text)
        self.name = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        self.busy, self.failures, self.not_before = 0, 0, 0.0


class Endpoints:
    """Thread-safe."""

    def __init__(self, texts):
        if isinstance(texts, str):
            texts = texts.split(",")
        self.all = [Endpoint(text) for text in texts]
        if not self.all:
            raise InvalidRequest("INVALID_ARGUMENT", "endpoints: empty")
        self.lock = threading.Lock()

    def order(self):
        """All of them, the best first. Those that failed lately come last, so that a request is tried everywhere before it fails."""
        with self.lock:
            now = time.monotonic()
            good = [e for e in self.all if e.not_before <= now]
            rest = sorted((e for e in self.all if e.not_before > now), key=lambda e: e.not_before)
            random.shuffle(good)
            if len(good) > 1 and good[1].busy < good[0].busy:
                good[0], good[1] = good[1], good[0]
            return good + rest

    def began(self, endpoint):
        with self.lock:
            endpoint.busy += 1

    def ended(self, endpoint):
        with self.lock:
            endpoint.busy -= 1

    def failed(self, endpoint):
        with self.lock:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**min(endpoint.failures, 10))
            endpoint.failures += 1
            endpoint.not_before = time.monotonic() + pause * random.uniform(0.5, 1.0)

    def answered(self, endpoint):
        with self.lock:
            endpoint.failures, endpoint.not_before = 0, 0.0

"""TLS with the files that `troth cert` makes for one holder: ca.crt, tls.crt, tls.key, revoked.crl."""
import os
import re
import ssl
import threading

from troth.errors import InvalidRequest

FILES = ("ca.crt", "tls.crt", "tls.key", "revoked.crl")
HOLDER = re.compile(rb"troth://([A-Za-z0-9._-]+)/([a-z+]+)/[A-Za-z0-9._-]+")
NODES = {"coordinator", "participant"}


class Refused(Exception):
    """The server's certificate does not count."""


class Tls:
    """Thread-safe. Files that have changed are read again for the next connection, so a renewed certificate needs no restart."""

    def __init__(self, directory):
        self.directory, self.lock, self.seen = directory, threading.Lock(), None
        self.made = self.cluster = None
        self.context()  # a directory that cannot be used is refused at once

    def path(self, name):
        return os.path.join(self.directory, name)

    def context(self):
        with self.lock:
            try:
                seen = [(s.st_mtime_ns, s.st_ino, s.st_size) for s in map(os.stat, map(self.path, FILES))]
                if seen != self.seen:
                    self.made, self.cluster = self.read()
                    self.seen = seen
            except (OSError, ValueError) as fault:  # an SSLError is an OSError
                if self.made is None:
                    raise InvalidRequest("INVALID_ARGUMENT", f"tls_dir {self.directory}: {fault}", "make it with `troth cert client`") from fault
            return self.made

    def read(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.path("ca.crt"))
        context.load_verify_locations(self.path("revoked.crl"))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        context.load_cert_chain(self.path("tls.crt"), self.path("tls.key"))
        with open(self.path("tls.crt")) as own:
            holder = HOLDER.search(ssl.PEM_cert_to_DER_cert(own.read()))
        if holder is None:
            raise ValueError("tls.crt names no holder troth://CLUSTER/ROLE/NAME")
        return context, holder[1].decode()

    def judge(self, certificate):
        """Of a server whose certificate is signed, in date, not revoked and for its host: it must be a node of this cluster."""
        holders = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
        for holder in holders:
            found = HOLDER.fullmatch(holder.encode())
            if found and found[1].decode() == self.cluster and found[2].decode() in NODES:
                return
        raise Refused(f"the server's certificate {', '.join(holders) or 'without a holder'} is not that of a node of cluster {self.cluster}")

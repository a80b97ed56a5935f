"""Permissions and identities seen from outside: code generated from the IDL speaks TLS with certificates of every kind to real daemons."""
import importlib
import logging
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys

from thrift.protocol import TBinaryProtocol, TMultiplexedProtocol
from thrift.Thrift import TApplicationException, TException
from thrift.transport import TSSLSocket, TTransport

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from harness import BIN, Cluster  # noqa: E402

logging.disable(logging.CRITICAL)
TROTH = os.path.join(BIN, "troth")
checks = wrong = 0


def check(good, what):
    global checks, wrong
    checks += 1
    if not good:
        wrong += 1
        print("WRONG:", what, flush=True)


def cert(ca, *words):
    reply = subprocess.run([TROTH, "cert", *words, "--ca", ca], capture_output=True, text=True, timeout=20)
    if reply.returncode:
        sys.exit(reply.stderr)


def generated(where):
    for name in ("common", "coordinator", "admin", "peer"):
        subprocess.run(["thrift", "--gen", "py", "-out", where, str(ROOT / f"thrift/idl/{name}.thrift")], check=True, capture_output=True)
    sys.path.insert(0, where)
    return {name: importlib.import_module(f"troth.v1.{name}.ttypes") for name in ("common", "coordinator", "admin", "peer")}


class Caller:
    """One connection with the certificate of a directory, or none."""

    def __init__(self, address, directory):
        host, port = address.rsplit(":", 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(os.path.join(directory, "ca.crt"))
        if os.path.exists(os.path.join(directory, "tls.crt")):
            context.load_cert_chain(os.path.join(directory, "tls.crt"), os.path.join(directory, "tls.key"))
        sock = TSSLSocket.TSSLSocket(host, int(port), ssl_context=context)
        sock.setTimeout(10000)
        self.transport = TTransport.TFramedTransport(sock)
        self.transport.open()

    def service(self, name):
        module = importlib.import_module(f"troth.v1.{name.lower()}.{name}")
        protocol = TMultiplexedProtocol.TMultiplexedProtocol(TBinaryProtocol.TBinaryProtocol(self.transport), name)
        return module.Client(protocol)

    def close(self):
        self.transport.close()


def verdict(call):
    """allowed, denied, or closed: what came of one call. An error that is not about permission means that it was let in."""
    try:
        call()
        return "allowed"
    except TApplicationException as error:
        return f"broken: {error}"
    except TTransport.TTransportException:
        return "closed"
    except (ssl.SSLError, OSError):
        return "closed"
    except TException as error:
        return "denied" if "no permission for" in str(error) else "allowed"


def denied_items(response):
    """A batch answers for each transaction: a refusal of all of them is one of the call."""
    refusals = [str(item.refusal or "") for item in response.items] if hasattr(response.items[0], "refusal") else [str(item) for item in response.items]
    if all("no permission" in refusal for refusal in refusals):
        raise TException("no permission for submit")


def greeted(response):
    """A refused greeting is an answer."""
    if "no permission" in (response.detail or ""):
        raise TException(response.detail)


def methods(t, gtid):
    """Every method with a harmless request, and the roles that may call it. `app` of calls about a transaction: only if it owns it."""
    c, k, a, p = t["common"], t["coordinator"], t["admin"], t["peer"]
    branch = k.Branch(participant="p1", statements=[c.Statement(sql="SELECT 1")])
    position = c.NodePosition(log_id="0123456789abcdef" * 2, epoch=1, durable_lsn=1)
    by = {"by": a.Operator(name="mallory", reason="test")}
    every = set(ROLES)
    return [
        ("Coordinator", "submit", lambda s: s.submit(k.SubmitRequest(transaction=k.Transaction(branches=[branch]))), {"app"}),
        ("Coordinator", "submitBatch", lambda s: denied_items(s.submitBatch(k.SubmitBatchRequest(transactions=[k.Transaction(branches=[branch])], wait_ms=5000))), {"app"}),
        ("Coordinator", "beginTransaction", lambda s: s.beginTransaction(k.BeginRequest()), {"app"}),
        ("Coordinator", "execute", lambda s: s.execute(k.ExecuteRequest(gtid=gtid, participant="p1", statements=branch.statements)), set()),
        ("Coordinator", "commit", lambda s: s.commit(k.CommitRequest(gtid=gtid)), set()),
        ("Coordinator", "getOutcome", lambda s: s.getOutcome(k.GetOutcomeRequest(gtid=gtid)), {"observer", "observer+sql"}),
        ("Coordinator", "getServerInfo", lambda s: s.getServerInfo(k.GetServerInfoRequest()), every),
        ("Admin", "getStatus", lambda s: s.getStatus(a.GetStatusRequest()), {"observer", "observer+sql"}),
        ("Admin", "listTransactions", lambda s: s.listTransactions(a.ListTransactionsRequest()), {"observer", "observer+sql"}),
        ("Admin", "showTransaction", lambda s: s.showTransaction(a.ShowTransactionRequest(id=gtid)), {"observer", "observer+sql"}),
        ("Admin", "listLocks", lambda s: s.listLocks(a.ListLocksRequest()), {"observer", "observer+sql"}),
        ("Admin", "listAudit", lambda s: s.listAudit(a.ListAuditRequest()), {"auditor"}),
        ("Admin", "retryTransactions", lambda s: s.retryTransactions(a.RetryTransactionsRequest(**by)), {"operator"}),
        ("Admin", "drainParticipant", lambda s: s.drainParticipant(a.DrainParticipantRequest(participant="p1", drain=False, **by)), {"operator"}),
        ("Admin", "resolveTransaction", lambda s: s.resolveTransaction(a.ResolveTransactionRequest(id=gtid, decision=a.ManualDecision.ABORT, dry_run=True, **by)), {"resolver"}),
        ("Admin", "forgetTransaction", lambda s: s.forgetTransaction(a.ForgetTransactionRequest(id=gtid, dry_run=True, **by)), {"resolver"}),
        ("Admin", "declareLost", lambda s: s.declareLost(a.DeclareLostRequest(participant="p1", dry_run=True, **by)), {"resolver"}),
        ("Admin", "forgetPeer", lambda s: s.forgetPeer(a.ForgetPeerRequest(peer="p9", dry_run=True, **by)), {"resolver"}),
        ("Peer", "hello", lambda s: greeted(s.hello(p.HelloRequest(name="p1", role=c.Role.PARTICIPANT, address="127.0.0.1:1", position=position, version=3, newest_version=4,
                                                                   receiver="c1", cluster="default"))), set()),
        ("Peer", "deliver", lambda s: s.deliver(p.DeliverRequest(batch_id=1, header=p.BatchHeader(sender="p1", version=4, position=position))), set()),
        # Last: it shows how the transaction of somebody else ends.
        ("Coordinator", "rollback", lambda s: s.rollback(k.RollbackRequest(gtid=gtid)), {"operator"}),
    ]


ROLES = ("app", "observer", "observer+sql", "auditor", "scraper", "operator", "resolver", "sql")


def main():
    cluster = Cluster(1)
    ca = os.path.join(cluster.dir, "ca")
    other = os.path.join(cluster.dir, "other")
    try:
        for directory, name in ((ca, "default"), (other, "bank")):
            cert(directory, "init", directory, "--cluster", name)
        held = lambda name, where=ca: os.path.join(where, "issued", name)  # noqa: E731
        for daemon in cluster.daemons():
            cert(ca, "node", daemon.name, "127.0.0.1", "--role", "coordinator" if daemon is cluster.coordinator else "participant")
            base = daemon.arguments
            daemon.arguments = lambda base=base, directory=held(daemon.name): [*base(), "--tls-dir", directory]
        for role in ROLES:
            cert(ca, "client", role.replace("+", "-"), "--role", role)
        cert(ca, "client", "owner", "--role", "app")
        cert(ca, "node", "p9", "127.0.0.1", "--role", "participant")
        cert(ca, "client", "late", "--role", "app+observer+operator", "--from", "2020-01-01T00:00:00Z", "--days", "1")
        cert(ca, "client", "early", "--role", "app+observer+operator", "--from", "2090-01-01T00:00:00Z")
        cert(ca, "client", "gone", "--role", "app+observer+operator")
        shutil.copytree(held("gone"), os.path.join(cluster.dir, "gone"))
        cert(ca, "revoke", "gone")
        cert(other, "client", "web", "--role", "app+observer+operator")
        cluster.start()
        run(cluster, held, other)
    finally:
        cluster.close()
    print(f"SECURITY checks {checks} WRONG {wrong}")
    sys.exit(1 if wrong else 0)


def run(cluster, held, other):
    t = generated(os.path.join(cluster.dir, "."))
    begin = t["coordinator"].BeginRequest(detached=True, idle_timeout_ms=60000, deadline_ms=60000)
    at = cluster.coordinator.address
    owner = Caller(at, held("owner"))
    gtid = owner.service("Coordinator").beginTransaction(begin).gtid

    # Every method by every role. A node's certificate has no role of a client.
    for name, holders in ((role, held(role.replace("+", "-"))) for role in (*ROLES,)):
        table = methods(t, gtid)
        caller = Caller(at, holders)
        for service, method, call, permitted in table:
            if method == "rollback" and name == "operator":
                continue  # at the end
            got = verdict(lambda: call(caller.service(service)))
            check(got == ("allowed" if name in permitted else "denied"), f"{service}.{method} by {name}: {got}")
        caller.close()
    stranger = Caller(at, held("p9"))
    for service, method, call, permitted in methods(t, gtid):
        if method != "getServerInfo":
            got = verdict(lambda: call(stranger.service(service)))
            check(got == "denied", f"{service}.{method} by another participant's certificate: {got}")
    stranger.close()
    check(verdict(lambda: owner.service("Coordinator").commit(t["coordinator"].CommitRequest(gtid=gtid))) == "allowed", "the owner commits its transaction")
    owner.close()

    # Certificates that do not count, no certificate, plain TCP: nothing is answered, and the daemon's log says why.
    bare = os.path.join(cluster.dir, "bare")
    os.makedirs(bare)
    shutil.copy(os.path.join(held("app"), "ca.crt"), bare)
    foreign = os.path.join(cluster.dir, "foreign")
    shutil.copytree(held("web", other), foreign)
    shutil.copy(os.path.join(held("app"), "ca.crt"), foreign)  # so that only the daemon refuses
    for what, directory, sentence in (("no certificate", bare, "the caller shows no certificate"), ("an expired one", held("late"), "has expired"),
                                      ("one of tomorrow", held("early"), "is not valid yet"), ("a revoked one", os.path.join(cluster.dir, "gone"), "was revoked"),
                                      ("one of another cluster", foreign, "belongs to cluster bank")):
        for daemon in cluster.daemons():
            for service, method, call, _ in methods(t, gtid):
                check(verdict(lambda: call(Caller(daemon.address, directory).service(service))) == "closed", f"{service}.{method} at {daemon.name} with {what}")
            check(sentence in daemon.log_tail(), f"the log of {daemon.name} does not say: {sentence}")
    for daemon in cluster.daemons():
        host, port = daemon.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            plain.sendall(b"\0\0\0\x20" + b"x" * 32)
            try:
                answer = plain.recv(100)
            except ConnectionResetError:
                answer = b""
            check(answer[:1] in (b"", b"\x15"), f"{daemon.name} answers plain TCP with {answer!r}")
        status = subprocess.run([TROTH, "-e", daemon.address, "--tls-dir", held("observer"), "status", "--check"], capture_output=True, text=True, timeout=20)
        check(status.returncode == 0, f"{daemon.name} after all this: {status.stdout}{status.stderr}")


main()

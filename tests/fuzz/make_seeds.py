#!/usr/bin/env python3
"""Makes seeds for the fuzz targets from real daemons: make_seeds.py BIN OUT, with BIN a build with fail points (build-tests/bin).

Two participants and a coordinator run behind relays through commits, aborts, one-phase and read-only work, keys, operator calls, a crash and
its recovery. What went over their sockets and what their logs hold becomes OUT/<target>/<sha1>. fuzz.sh --minimise keeps what covers something new.
"""
import glob
import hashlib
import os
import struct
import subprocess
import sys

BIN, OUT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.environ["TROTH_BIN"] = BIN
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from harness import Cluster  # noqa: E402  (needs TROTH_BIN)
from wire import Relay, behind_relays, framed, frames, method  # noqa: E402

MOST_BYTES = 3000  # of one seed


def seed(target, data):
    if len(data) > MOST_BYTES:
        return
    folder = os.path.join(OUT, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as f:
        f.write(data)


def traffic(cluster, front):
    """A bit of everything that clients and operators do."""
    def at_front(*words, stdin=None):
        return subprocess.run([os.path.join(BIN, "troth"), "-e", front.address, *words], capture_output=True, text=True, timeout=40, input=stdin)

    for i in range(3):
        at_front("submit", *cluster.transfer_words(f"t{i}"))
    at_front("submit", *cluster.transfer_words("key"), "--key", "order-1", "--wait", "applied", "--comment", "seed", "--deadline", "3s")
    at_front("submit", *cluster.transfer_words("bad", amount=5000))
    at_front("submit", "--on", "p1", "SELECT v FROM a WHERE id = 1", "--expect", "rows = 1", "--on", "p2", "SELECT count(*) FROM did")
    at_front("submit", "--on", "p1", "UPDATE a SET v = v + 0 WHERE id = ?1", "--param", "3", "--key", "one-phase")
    at_front("submit", "--on", "p1", "INSERT INTO nowhere VALUES (?1, ?2, ?3)", "--param", "blob:00ff", "--param", "real:1.5", "--param", "null")
    at_front("submit", "--on", "p9", "SELECT 1")
    at_front("submit", "-", "--batch", stdin='{"branches": [{"on": "p1", "statements": ["DELETE FROM a WHERE id = 1999"]},'
             ' {"on": "p2", "statements": [{"sql": "INSERT INTO a VALUES (?1, 5)", "params": [5000]}]}]}\n')
    at_front("outcome", "--key", "order-1")
    at_front("status")
    listed = at_front("txn", "list", "--recent", "-o", "plain", "--no-headers").stdout.split()
    if listed:
        at_front("txn", "show", listed[0])
        at_front("outcome", listed[0])
    at_front("txn", "list", "--in-doubt")
    at_front("txn", "retry", "--all")


def crash(cluster, relays):
    """A coordinator that dies with its decision durable: inquiries, resent decisions, a longer log."""
    coordinator = cluster.coordinator
    coordinator.kill()
    coordinator.start("coordinator.commit.durable=kill")
    cluster.transfer("crash", "--timeout", "2s")
    coordinator.wait()
    cluster.participants["p2"].kill()
    cluster.participants["p2"].start()
    coordinator.start()
    cluster.settle()


def batches(log):
    """Of every segment: its batches as (flags, [(tag, payload), ...])."""
    for path in sorted(glob.glob(os.path.join(log, "*.log"))):
        with open(path, "rb") as f:
            data = f.read()
        found, at = [], 64
        while data[at:at + 4] == b"BTCH" or data[at:at + 4] == b"HCTB":
            length, count, _, flags = struct.unpack_from("<IIII", data, at + 4)
            records, end, record = [], at + 40 + length, at + 40
            while record < end:
                size, tag = struct.unpack_from("<IB", data, record)
                records.append((tag, data[record + 5:record + 5 + size]))
                record += 5 + size
            found.append((flags, records))
            at = (end - at + 7) // 8 * 8 + at
        yield found


def word(value):
    return struct.pack("<H", value & 0xFFFF)


def image_of(role, segment):
    """wal_image's input: role, what to free, the number of files, then one built segment."""
    out = bytes([role]) + word(0) + b"\1" + b"\0" + b"\0" + bytes([min(len(segment), 7)])
    for flags, records in segment[:7]:
        records = records[:7]
        out += bytes([16 if flags else 0, len(records)]) + b"".join(bytes([t]) + word(len(p)) + p for t, p in records)
        out += bytes([flags]) if flags else b""
    return out


def redo_in(payload):
    """The redo inside a PREPARED or ONE_PHASE record: the length-prefixed string that begins with its format and names a table."""
    for at in range(len(payload) - 4):
        length, width = payload[at], 1
        if length & 0x80:
            length, width = (length & 0x7F) | payload[at + 1] << 7, 2
        redo = payload[at + width:at + width + length]
        if len(redo) == length > 8 and redo[0] == 1 and any(name in redo[:12] for name in (b"\x01a", b"\x03did")):
            return redo
    return None


def from_logs(cluster):
    for daemon in cluster.daemons():
        role = 0 if daemon is cluster.coordinator else 1
        for segment in batches(daemon.data):
            for first in range(0, len(segment), 5):
                seed("wal_image", image_of(role, segment[first:first + 5]))
            for _, records in segment:
                raw = b"".join(struct.pack("<IB", len(p), t) + p for t, p in records)
                seed("wal_format", bytes([len(records) & 0xFF]) + word(7) + word(100) + word(90) + raw)
                seed("protocol_record", b"".join(word(len(p)) + bytes([t]) + p for t, p in records))
                for tag, payload in records:
                    if redo := redo_in(payload):
                        seed("redo", b"\0" + redo)
        with open(sorted(glob.glob(os.path.join(daemon.data, "*.log")))[0], "rb") as f:
            data = f.read().rstrip(b"\0")
        seed("wal_format", data[64:400])
        for mode in range(4):  # the log is written by the target itself; garbage is another log's bytes
            offset = word(200) if mode in (1, 2) else b""
            seed("wal_recovery", bytes([mode]) + b"\3" + b"\2\0\1\2" + b"\1\4\5" + b"\0\3" + b"\1" + offset + data[:700])


def from_wires(relays):
    kept = {}
    for name, relay in relays.items():
        for stream in relay.requests:
            bodies = frames(bytes(stream))
            seed("thrift_service", b"\0" + b"".join(framed(body) for body in bodies[:6]))
            for body in bodies:
                if kept.setdefault((name, method(body)), 0) < 25:
                    kept[(name, method(body))] += 1
                    seed("thrift_service", b"\1" + body)
    for (name, call), count in sorted(kept.items()):
        print(f"{name} {call}: {count}")


def texts(cluster):
    for text in ("data-dir = /var/lib/troth/c1\n# a comment\nparticipant = north=127.0.0.1:7430\nparticipant = south=[::1]:7440\nmax-in-flight = 5\n",
                 "--data-dir\nd\n--participant\nnorth=127.0.0.1:7430\n--max-in-flight\n7", "init\n--data-dir=d", "adopt\n--help", "--version",
                 "data-dir=x\nnonsense", "prepare-timeout = 3s\nlog-level = \"warn\"  # loud\nlog-format = json\nhttp = 127.0.0.1:0\ngrace=4s\nsegment-bytes = 64KiB",
                 "database = t.db\ncoordinator = c1=127.0.0.1:7420\nlock-timeout = 1s\nflush-interval = 0ms\ndatabase-wal-bytes = 1MiB", "--check-config\n--database=t.db\n--lock-timeout\n1s", "500ms\n30s\n5m\n1000h\n0ms\n7us", "64MiB\n1GiB\n0B\n512KiB",
                 "\n".join(["submit", *cluster.transfer_words("t1"), "--key", "k", "--deadline", "5s", "--wait", "applied", "--retries", "2"]),
                 "submit\n-\n--batch\n-e\n127.0.0.1:1", "txn\nlist\n--in-doubt\n-o\njsonl\n--no-headers", "txn\nshow\nABCDEF", "outcome\n--key\nk",
                 "status\n-o\njson\n--timeout\n15s\n-q", "log\ndump\nd", "help\nstates", "int:5\nreal:1.5\ntext:x\nblob:00ff\nnull\n7\n1e9\nnan",
                 "rows = 1\nrows >= 1\nrows == 2", "p1=127.0.0.1:7430", *cluster.status()["alarms"], cluster.coordinator.address):
        seed("settings", text.encode())
    listed = cluster.cli("txn", "list", "--recent", "-o", "plain", "--no-headers").stdout.split("\n")
    for line in listed[:3]:
        seed("settings", line.split(" ")[0].encode())


def transactions():
    branch = '{"on": "stock", "statements": [{"sql": "UPDATE items SET n = n - ?1", "params": [1, -7, 1.5, "x", null, true, {"blob": "00ff"}], "expect": "rows = 1"}]}'
    full = '{"key": "order-17", "deadline": "5s", "wait": "applied", "comment": "checkout", "branches": [%s, {"on": "ledger", "statements": ["DELETE FROM e"]}]}' % branch
    for text in (full, f"[{full}, {full}]", f"{full}\n\n{full}\n", '{"branches": []}', '{"branches": [{"on": "-", "statements": [{}]}]}', "[1]", "{", ""):
        seed("transaction_json", text.encode())


def main():
    cluster = Cluster(coordinator_flags=("--prepare-timeout", "2s", "--resend-interval", "50ms"))
    relays = behind_relays(cluster)
    front = Relay(lambda: cluster.coordinator.address)
    try:
        cluster.start()
        traffic(cluster, front)
        cluster.settle()
        crash(cluster, relays)
        texts(cluster)
        for daemon in cluster.daemons():
            daemon.terminate()
        from_logs(cluster)
        from_wires({**relays, "client": front})
        transactions()
    finally:
        for relay in (*relays.values(), front):
            relay.close()
        cluster.close()
    for folder in sorted(os.listdir(OUT)):
        print(f"{folder}: {len(os.listdir(os.path.join(OUT, folder)))} seeds")


main()

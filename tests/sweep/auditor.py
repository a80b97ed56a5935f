"""What must hold in the end, judged from the SQLite files and from what the clients were told, never from a daemon's opinion."""
import collections
import json
import os
import sqlite3
import subprocess

from cluster import Violation
from workload import ROWS, START


def query(path, sql):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def check_files(cluster):
    for name in cluster.participants:
        path = cluster.database(name)
        for pragma, sound in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
            found = query(path, "PRAGMA " + pragma)
            if found != sound:
                raise Violation(f"{name}: PRAGMA {pragma} says {found[:3]}")


def check_transactions(cluster, transactions):
    """Everywhere or nowhere, as told, nothing that nobody asked for."""
    present = {name: {row[0] for row in query(cluster.database(name), "SELECT gid FROM did")} for name in cluster.participants}
    wrong = []
    asked = {t.gid: t for t in transactions}
    for name, gids in present.items():
        wrong += [f"{gid} is in {name}, but nobody asked for that" for gid in gids if gid not in asked or name not in asked[gid].writes]
    for t in transactions:
        there = {name for name in t.writes if t.gid in present[name]}
        if there and there != t.writes:
            wrong.append(f"{t.gid} ({t.kind}) is in {sorted(there)} but not in {sorted(t.writes - there)}")
        if "COMMITTED" in t.told and there != t.writes:
            wrong.append(f"{t.gid} ({t.kind}) was told COMMITTED, but is not in {sorted(t.writes - there)}")
        if t.told & {"ABORTED", "REFUSED"} and there:
            wrong.append(f"{t.gid} ({t.kind}) was told {sorted(t.told)}, but is in {sorted(there)}")
        if t.kind in ("abort", "mismatch") and ("COMMITTED" in t.told or there):
            wrong.append(f"{t.gid} ({t.kind}) can never commit, but was told {sorted(t.told)} and is in {sorted(there)}")
    if wrong:
        raise Violation("; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""))
    return present


def check_effects(cluster, present, probes):
    """Exactly once: the counts and the sums are those of the rows that are there."""
    total = 0
    for name, gids in present.items():
        expected = collections.Counter(int(gid.split("-")[0]) for gid in gids)
        for client, n in query(cluster.database(name), "SELECT client, n FROM counter"):
            if n != expected[client]:
                raise Violation(f"{name}: client {client} has {expected[client]} rows, but {n} effects")
        total += query(cluster.database(name), "SELECT sum(v) FROM a")[0][0]
    owed = len(present) * ROWS * (START + probes)
    if total != owed:
        raise Violation(f"the balances sum up to {total}, not to {owed}")


def verify_log(cluster, daemon, torn=True):
    """`troth log verify` on the files alone, the daemon being down. A tail that nobody was told about may be torn by a crash."""
    done = subprocess.run([os.path.join(cluster.bin, "troth"), "log", "verify", daemon.data, "-o", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Violation(f"{daemon.name}: log verify ends with {done.returncode}: {done.stderr.strip()}")
    facts = json.loads(done.stdout)
    if facts["torn_bytes"] and not torn:
        raise Violation(f"{daemon.name}: a torn tail after a clean stop: {facts}")


def check_logs(cluster):
    """No two logs hold different decisions, and none holds two."""
    outcomes = {}
    sides = {"COMMIT": "commit", "COMMITTED": "commit", "ABORT": "abort", "ABORTED": "abort"}
    for daemon in cluster.daemons():
        verify_log(cluster, daemon, torn=False)
        for record in daemon.dump():
            side = sides.get(record["facts"] if record["type"] == "DECIDED" else record["type"])
            if side is None:
                continue
            other, whose = outcomes.setdefault(record["txn_id"], (side, daemon.name))
            if other != side:
                raise Violation(f"{record['txn_id']}: {whose} holds {other}, {daemon.name} holds {side}")


def probe(cluster):
    """Takes every lock there is: commits only if nobody holds one."""
    words = []
    for name in cluster.participants:
        words += ["--on", name, "UPDATE a SET v = v + 1", "--expect", f"rows = {ROWS}"]
    done = cluster.cli("submit", *words, "--deadline", "10s", "--retries", "0", "--wait", "applied")
    if done.returncode != 0:
        raise Violation(f"a transaction over all rows does not commit afterwards: exit {done.returncode} {done.stderr.strip()}")


def audit(cluster, transactions):
    """The whole of it. Leaves the cluster stopped."""
    cluster.settle()
    probe(cluster)
    cluster.settle()
    cluster.stop_cleanly("after the run")
    check_files(cluster)
    check_effects(cluster, check_transactions(cluster, transactions), probes=1)
    check_logs(cluster)
    for daemon in cluster.daemons():
        daemon.start()
    cluster.settle()
    probe(cluster)
    cluster.stop_cleanly("after a clean restart")
    check_effects(cluster, check_transactions(cluster, transactions), probes=2)
    check_logs(cluster)

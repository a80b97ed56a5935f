"""Replays among many retained idempotency keys; see tests/keys.sh."""
import argparse
import http.client
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import urllib.request

from harness import BIN, Cluster

BATCH, REPLAYS = 4000, 2000  # of one command
MIB = 1 << 20
P99_MS, LEAST_MIB, BYTES_A_KEY = 5.0, 64, 2  # the bound on memory: so much, and so much for each key
TOKEN = "0123456789abcdef-of-a-test"


def body(n):
    """It writes nothing: the key is what is kept."""
    return {"key": f"customer-4711/order-{n}", "branches": [{"on": name, "statements": ["SELECT 1"]} for name in ("p1", "p2")]}


def resident(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def metric(daemon, name):
    with urllib.request.urlopen(f"http://{daemon.http}/metrics") as reply:
        return sum(float(line.split()[-1]) for line in reply.read().decode().splitlines() if line.startswith(name + " "))


def fill(cluster, first, last):
    """What does not commit in time is sent again under its key."""
    command = [os.path.join(BIN, "troth"), "-e", cluster.coordinator.address, "-o", "jsonl", "submit", "--batch", "--deadline", "30s", "--retries", "3", "-"]
    lines = "\n".join(json.dumps(body(n)) for n in range(first, last))
    for _ in range(5):
        reply = subprocess.run(command, capture_output=True, text=True, input=lines)
        committed = reply.stdout.count('"COMMITTED"')
        if committed == last - first:
            return
    others = [line for line in reply.stdout.splitlines() if '"COMMITTED"' not in line]
    raise AssertionError(f"{committed} of {last - first} committed: {others[:2]} {reply.stderr[:300]}")


def replay(cluster, keys):
    """Milliseconds of each, over one connection."""
    connection = http.client.HTTPConnection(cluster.coordinator.http, timeout=20)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    took = []
    for _ in range(REPLAYS):
        text = json.dumps(body(random.randrange(keys)))
        began = time.perf_counter()
        connection.request("POST", "/api/v1/transactions", text, headers)
        reply = json.loads(connection.getresponse().read())
        took.append((time.perf_counter() - began) * 1000)
        assert reply["outcome"] == "COMMITTED" and reply["replayed"], reply
    return sorted(took)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=1_000_000)
    keys = parser.parse_args().keys
    cluster = Cluster(2, coordinator_flags=("--max-in-flight", "50000", "--prepare-timeout", "30s", "--max-retained-keys", str(2 * keys)))
    token = pathlib.Path(cluster.dir) / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    arguments = cluster.coordinator.arguments
    cluster.coordinator.arguments = lambda: [*arguments(), "--http", "127.0.0.1:0", "--http-token-file", str(token)]
    wrong = []
    try:
        cluster.start()
        coordinator = cluster.coordinator
        fill(cluster, 0, min(BATCH, keys))
        before, began = resident(coordinator), time.monotonic()
        for first in range(BATCH, keys, BATCH):
            fill(cluster, first, min(first + BATCH, keys))
            if first // BATCH % 25 == 0:
                print(f"keys {first} resident_mib {resident(coordinator) / MIB:.1f} seconds {time.monotonic() - began:.0f}", flush=True)
        kept = metric(coordinator, "troth_retained_keys")
        took = replay(cluster, keys)
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        grown = (resident(coordinator) - before) / MIB
        disk = sum(f.stat().st_size for f in pathlib.Path(coordinator.data).glob("keys.db*")) / MIB
        if kept < keys:
            wrong.append(f"only {kept:.0f} keys are retained")
        if p99 > P99_MS:
            wrong.append(f"a replay takes {p99:.1f} ms")
        if grown > LEAST_MIB + BYTES_A_KEY * keys / MIB:
            wrong.append(f"memory grew by {grown:.0f} MiB")
    finally:
        cluster.close()
    print(f"KEYS {keys} resident_growth_mib {grown:.1f} disk_mib {disk:.0f} replay_p50_ms {p50:.2f} replay_p99_ms {p99:.2f} "
          f"BOUND {', '.join(wrong) or 'held'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

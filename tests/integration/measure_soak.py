"""What grows under load that goes on; see tests/soak.sh."""
import argparse
import glob
import json
import os
import subprocess
import sys
import threading
import time

from harness import BIN, Cluster

ALIVE, DEAD = ("p1", "p2", "p3"), "p4"
ACCOUNTS = 100000
SAMPLE_SECONDS = 2
MIB = 1 << 20
IDLE, IDLE_SECONDS = "10m", 300  # the longest that a client may ask for; another one begins before it is over
SEGMENT = "4MiB"
# What may come on top of a level that was reached: allocator, page cache of SQLite. A real leak passes it in minutes at this rate.
ALLOWED_MIB, ALLOWED_PERCENT, ALLOWED_SEGMENTS = 12, 8, 3


class Load:
    """A client that goes on until it is stopped; counts what was committed."""

    def __init__(self, cluster):
        self.cluster, self.committed, self.failed, self.stopping = cluster, 0, 0, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping:
            self.once()

    def stop(self):
        self.stopping = True
        self.thread.join()


class Transfers(Load):
    """Two-phase transfers from eight clients."""

    def once(self):
        command = [os.path.join(BIN, "troth"), "-e", self.cluster.coordinator.address, "-o", "json", "bench", "transfer",
                   "--clients", "8", "--participants", "2", "--accounts", str(ACCOUNTS), "--seconds", "8", "--warmup", "0"]
        reply = subprocess.run(command, capture_output=True, text=True)
        if reply.returncode != 0:
            self.failed += 1
            time.sleep(0.2)
            return
        self.committed += json.loads(reply.stdout)["committed"]


class Keyed(Load):
    """Requests with a key each, at one participant and at two, in batches."""

    BATCH = 200

    def once(self):
        lines = []
        for i in range(self.BATCH):
            n = self.committed + self.failed + i
            row = n % 1000 + 1
            branches = [{"on": name, "statements": [{"sql": "UPDATE a SET v = v + ?1 WHERE id = ?2", "params": [change, row]}]}
                        for name, change in (("p1", 0), ("p3", 0))[: 1 + n % 2]]
            lines.append(json.dumps({"key": f"soak-{n}", "branches": branches}))
        command = [os.path.join(BIN, "troth"), "-e", self.cluster.coordinator.address, "-o", "jsonl", "submit", "--batch", "--retries", "3", "-"]
        reply = subprocess.run(command, capture_output=True, text=True, input="\n".join(lines))
        committed = reply.stdout.count('"COMMITTED"')
        self.committed += committed
        self.failed += self.BATCH - committed


class Watch:
    """The resident memory and the log segments of every daemon, over time."""

    def __init__(self, daemons):
        self.daemons, self.samples = daemons, {daemon.name: [] for daemon in daemons}

    def look(self, at):
        for daemon in self.daemons:
            with open(f"/proc/{daemon.process.pid}/status") as status:
                resident = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
            segments = len(glob.glob(os.path.join(daemon.data, "*.log")))
            self.samples[daemon.name].append((at, resident, segments))

    def grown(self):
        """Prints a line a daemon; a list of what grew after the first half, in which levels are reached."""
        grew = []
        for name, samples in self.samples.items():
            later = samples[len(samples) // 2:]
            slope = slope_of([(at, resident / MIB) for at, resident, _ in later]) * 60
            first, last = later[0][1] / MIB, later[-1][1] / MIB
            rise = slope * (later[-1][0] - later[0][0]) / 60
            before, after = max(s for _, _, s in samples[: len(samples) // 2]), max(s for _, _, s in later)
            print(f"DAEMON {name} resident_mib {first:.1f} -> {last:.1f} slope_mib_per_minute {slope:.2f} segments {before} -> {after}", flush=True)
            if rise > max(ALLOWED_MIB, first * ALLOWED_PERCENT / 100):
                grew.append(f"{name} memory {slope:.1f} MiB a minute")
            if after > before + ALLOWED_SEGMENTS:
                grew.append(f"{name} segments {before} -> {after}")
        return grew


def slope_of(points):
    """Least squares, per unit of the first coordinate."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def prepare(cluster):
    """Accounts for the transfers; p4 is met once and dies with a transaction on its way."""
    for name in ALIVE:
        subprocess.run(["sqlite3", cluster.database(name),
                        "CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
                        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS}) "
                        "INSERT INTO bench_accounts SELECT i, 1000 FROM n;"], check=True)


def begin_idle(cluster):
    """A transaction that touches nobody and says nothing."""
    reply = cluster.cli("txn", "begin", "--idle", IDLE, "--deadline", IDLE)
    assert reply.returncode == 0, reply.stderr
    return reply.stdout.strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=3)
    minutes = parser.parse_args().minutes
    cluster = Cluster(4, coordinator_flags=("--segment-bytes", SEGMENT, "--prepare-timeout", "5s"),
                      participant_flags=("--segment-bytes", SEGMENT))
    prepare(cluster)
    grew, loads = ["it did not run"], []
    try:
        cluster.start()
        assert cluster.transfer("once", names=("p1", DEAD)).returncode == 0
        cluster.participants[DEAD].kill()
        idle = [begin_idle(cluster)]
        loads = [Transfers(cluster), Keyed(cluster)]
        for load in loads:
            load.thread.start()
        watch = Watch([cluster.coordinator, *(cluster.participants[name] for name in ALIVE)])
        began, end = time.monotonic(), time.monotonic() + minutes * 60
        while time.monotonic() < end:
            at = time.monotonic() - began
            watch.look(at)
            if at >= len(idle) * IDLE_SECONDS:
                idle.append(begin_idle(cluster))
            time.sleep(SAMPLE_SECONDS)
        for load in loads:
            load.stop()
        open_still = idle[-1] in cluster.cli("txn", "list", "--active").stdout
        grew = watch.grown() + ([] if open_still else ["nothing, but the idle transaction was ended"])
        if min(load.committed for load in loads) == 0:
            grew.append("nothing, because a load never committed")
    finally:
        for load in loads:
            load.stopping = True
        cluster.close()
    print(f"SOAK minutes {minutes:g} transfers {loads[0].committed} keyed {loads[1].committed} failed {loads[0].failed + loads[1].failed} "
          f"GROWTH {', '.join(grew) or 'none'}")
    return 1 if grew else 0


if __name__ == "__main__":
    sys.exit(main())

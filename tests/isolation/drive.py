"""Starts real daemons, runs troth-workload against them, kills and restarts daemons meanwhile."""
import argparse
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import BIN, Cluster  # noqa: E402

Cluster.SCHEMA = (
    "CREATE TABLE lists(k INTEGER PRIMARY KEY, v TEXT NOT NULL);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < 7) INSERT INTO lists SELECT i, '' FROM n;"
    "CREATE TABLE accounts(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0));"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < {rows}) INSERT INTO accounts SELECT i, 1000 FROM n;"
    "CREATE TABLE claims(id INTEGER PRIMARY KEY, g INT NOT NULL);")


def words_of(cluster, *words):
    return [os.path.join(BIN, "troth-workload"), *map(str, words)]


def isolation(arguments):
    Cluster.SCHEMA = Cluster.SCHEMA.replace("{rows}", "5")
    cluster = Cluster(3)
    try:
        cluster.start()
        rng = random.Random(arguments.seed)
        command = words_of(cluster, "isolation", cluster.coordinator.address, ",".join(cluster.participants), arguments.seconds, arguments.clients, arguments.seed)
        run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + arguments.seconds
        kills = 0
        while arguments.kills and time.monotonic() < end - 1.5:
            time.sleep(min(rng.uniform(0.8, 2.5), max(0, end - 1.5 - time.monotonic())))
            daemon = rng.choice(cluster.daemons())
            daemon.kill()
            time.sleep(rng.uniform(0.0, 0.4))
            daemon.start()
            kills += 1
        line = run.stdout.readline()
        if line.strip() != "RAN":
            print(line, run.stdout.read(), file=sys.stderr)
            return 1
        cluster.settle(30)
        rest, _ = run.communicate("\n", timeout=120)
        print(f"kills {kills} seed {arguments.seed}")
        print(rest, end="")
        alarms = [a for d in cluster.daemons() for a in cluster.status(d)["alarms"]]
        if alarms:
            print("ALARMS", alarms)
        return 1 if alarms else run.returncode
    finally:
        cluster.close()


def deadlock(arguments):
    Cluster.SCHEMA = Cluster.SCHEMA.replace("{rows}", "300")
    cluster = Cluster(2)
    try:
        cluster.start()
        return subprocess.run(words_of(cluster, "deadlock", cluster.coordinator.address, cluster.participants["p1"].address, arguments.pairs)).returncode
    finally:
        cluster.close()


def hot(arguments):
    Cluster.SCHEMA = Cluster.SCHEMA.replace("{rows}", "300")
    cluster = Cluster(2, participant_flags=("--lock-timeout", "10s"))
    try:
        cluster.start()
        return subprocess.run(words_of(cluster, "hot", cluster.coordinator.address, arguments.seconds, arguments.clients, 10)).returncode
    finally:
        cluster.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["isolation", "deadlock", "hot"])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--clients", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-kills", dest="kills", action="store_false")
    arguments = parser.parse_args()
    arguments.clients = arguments.clients or {"isolation": 8, "hot": 200}.get(arguments.what)
    sys.exit({"isolation": isolation, "deadlock": deadlock, "hot": hot}[arguments.what](arguments))


main()

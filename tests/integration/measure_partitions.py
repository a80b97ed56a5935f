"""Three-phase commit while networks split, join and nodes die, in network namespaces; see tests/partitions.sh."""
import argparse
import collections
import json
import os
import random
import subprocess
import sys
import threading
import time

from harness import BIN, Cluster

BRIDGES, CLIENTS, EACH = 3, 4, 40
FAST = ("--suspicion-timeout", "150ms")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Network:
    """One namespace for each node; only nodes on the same bridge hear each other, the caller hears bridge 0."""

    def __init__(self, names, run):
        # The kernel takes its time to remove a network: every run has names of its own.
        self.tag, self.subnet = f"t{os.getpid() % 100000}x{run % 1000}", f"10.214.{os.getpid() % 250 + 1}"
        self.names, self.addresses = names, {name: f"{self.subnet}.{i + 1}:7420" for i, name in enumerate(names)}

    def build(self):
        for bridge in range(BRIDGES):
            ip("link", "add", f"{self.tag}b{bridge}", "type", "bridge")
            ip("link", "set", f"{self.tag}b{bridge}", "up")
        ip("addr", "add", f"{self.subnet}.254/24", "dev", f"{self.tag}b0")
        for i, name in enumerate(self.names):
            space, cable = self.tag + name, self.tag + name
            ip("netns", "add", space)
            ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", cable, "master", f"{self.tag}b0", "up")
            ip("-n", space, "addr", "add", f"{self.subnet}.{i + 1}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

    def inside(self, name):
        return ["ip", "netns", "exec", self.tag + name]

    def put(self, name, bridge):
        ip("link", "set", self.tag + name, "master", f"{self.tag}b{bridge}")

    def heal(self):
        for name in self.names:
            self.put(name, 0)

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "link", "del", self.tag + name], check=False)
            subprocess.run(["ip", "netns", "del", self.tag + name], check=False)
        for bridge in range(BRIDGES):
            subprocess.run(["ip", "link", "del", f"{self.tag}b{bridge}"], check=False)


class Client(threading.Thread):
    """Submits transfers between random participants, and remembers what it was told."""

    def __init__(self, number, cluster, network, seed):
        super().__init__(daemon=True)
        self.cluster, self.network, self.chance = cluster, network, random.Random(f"{seed}-{number}")
        self.number, self.told, self.over = number, {}, threading.Event()

    def run(self):
        names = list(self.cluster.participants)
        for i in range(EACH):
            if self.over.is_set():
                return
            gid = f"{self.number}-{i}"
            members = self.chance.sample(names, self.chance.randint(2, len(names)))
            changes = [-1] + [0] * (len(members) - 2) + [1]
            row = self.number * 100 + i
            body = {"protocol": "three_phase", "deadline": "1s", "branches": [
                {"on": name, "statements": [{"sql": "UPDATE a SET v = v + ?1 WHERE id = ?2", "params": [change, row + 1]},
                                            {"sql": "INSERT INTO did VALUES (?1)", "params": [gid]}]}
                for name, change in zip(members, changes)]}
            done = subprocess.run([*self.network.inside("c1"), BIN + "/troth", "-e", self.cluster.coordinator.address, "submit", "-", "-o", "jsonl", "-q",
                                   "--timeout", "3s"], input=json.dumps(body), capture_output=True, text=True)
            try:
                outcome = json.loads(done.stdout)["outcome"]
            except (json.JSONDecodeError, KeyError):
                outcome = "IN_DOUBT"  # no answer: it may be either
                self.over.wait(0.05)
            self.told[gid] = (set(members), outcome)


def disturb(cluster, network, chance, until, counts):
    """Splits and joins, and one node after the other dies and returns."""
    while time.monotonic() < until:
        if chance.random() < 0.2:
            network.heal()
        else:
            for name in network.names:
                network.put(name, chance.randrange(chance.choice((2, BRIDGES))))
        counts["moves"] += 1
        time.sleep(chance.uniform(0.05, 0.6))
        if chance.random() < 0.15:
            victim = chance.choice(cluster.daemons())
            victim.kill()
            time.sleep(chance.uniform(0, 0.3))
            victim.start()
            counts["crashes"] += 1


def judge(cluster, told):
    """What is wrong: one line each."""
    there = {name: cluster.gids(name) for name in cluster.participants}
    wrong = []
    for gid, (members, outcome) in told.items():
        present = {name for name, gids in there.items() if gid in gids}
        if present and present != members:
            wrong.append(f"{gid} is in {sorted(present)} and not in {sorted(members - present)}")
        if outcome == "COMMITTED" and present != members:
            wrong.append(f"{gid} was told COMMITTED and is in {sorted(present)} of {sorted(members)}")
        if outcome == "ABORTED" and present:
            wrong.append(f"{gid} was told ABORTED and is in {sorted(present)}")
    total = sum(cluster.read(name, "SELECT sum(v) FROM a")[0][0] for name in there)
    if total != 2000 * 1000 * len(there):
        wrong.append(f"the balances sum up to {total}")
    decisions = collections.defaultdict(dict)
    sides = {"COMMIT": "commit", "COMMITTED": "commit", "ABORT": "abort", "ABORTED": "abort"}
    for daemon in cluster.daemons():
        for record in daemon.dump():
            side = sides.get(record["facts"] if record["type"] == "DECIDED" else record["type"])
            if side:
                decisions[record["txn_id"]][daemon.name] = side
    return wrong + [f"the logs disagree about {txn}: {known}" for txn, known in decisions.items() if len(set(known.values())) > 1]


def run_once(seed, seconds, counts):
    chance = random.Random(seed)
    cluster = Cluster(2 if seed % 2 else 4, coordinator_flags=("--prepare-timeout", "1s", "--resend-interval", "50ms", *FAST),
                      participant_flags=("--inquiry-interval", "50ms", "--lock-timeout", "500ms", *FAST))
    network = Network([daemon.name for daemon in cluster.daemons()], seed)
    try:
        network.build()
        for daemon in cluster.daemons():
            daemon.prefix, daemon.address = network.inside(daemon.name), network.addresses[daemon.name]
            daemon.start()
        clients = [Client(n, cluster, network, seed) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        disturb(cluster, network, chance, time.monotonic() + seconds, counts)
        network.heal()
        for client in clients:
            client.over.set()
            client.join(60)
        cluster.settle(60)
        told = {gid: heard for client in clients for gid, heard in client.told.items()}
        for _, outcome in told.values():
            counts[outcome.lower()] += 1
        counts["transactions"] += len(told)
        for daemon in cluster.participants.values():
            counts["ballots"] += cluster.status(daemon)["counters"].get("ballots_led", 0)
        return judge(cluster, told)
    finally:
        cluster.close()
        network.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5, help="of disturbance in each run")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    asked = parser.parse_args()
    counts, disagreements = collections.Counter(), 0
    for seed in range(asked.seed, asked.seed + asked.runs):
        for line in run_once(seed, asked.seconds, counts):
            print(f"seed {seed}: {line}", flush=True)
            disagreements += 1
    print(f"PARTITIONS runs={asked.runs} transactions={counts['transactions']} committed={counts['committed']} aborted={counts['aborted']} "
          f"in_doubt={counts['in_doubt']} moves={counts['moves']} crashes={counts['crashes']} ballots={counts['ballots']} "
          f"disagreements={disagreements}")
    sys.exit(1 if disagreements or not counts["committed"] else 0)


if __name__ == "__main__":
    main()

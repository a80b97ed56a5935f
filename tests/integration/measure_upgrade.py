"""The previous release's daemons beside today's, on the previous release's logs; see tests/upgrade.sh."""
import json
import os
import signal
import sys
import time

from harness import BIN, Cluster

PREVIOUS = os.environ["TROTH_BIN_PREVIOUS"]
NAMES = ("p1", "p2", "p3")
PROTOCOLS = ("two_phase", "three_phase")


class Books:
    """What clients were told, and what the files hold of it."""

    def __init__(self):
        self.transfers = set()
        self.told = {}  # gid: (participants, "committed", "aborted" or "unknown")
        self.wrong = []

    def note(self, gid, names, reply):
        self.told[gid] = (names, {0: "committed", 1: "aborted"}.get(reply, "unknown"))

    def judge(self, cluster):
        there = {name: cluster.gids(name) for name in NAMES}
        half = lost = 0
        for gid, (names, told) in self.told.items():
            at = [name for name in names if gid in there[name]]
            if at and len(at) < len(names):
                half += 1
                self.wrong.append(f"{gid} is at {at} of {names}")
            elif told == "committed" and not at:
                lost += 1
                self.wrong.append(f"{gid} was told COMMITTED and is nowhere")
            elif told == "aborted" and at:
                self.wrong.append(f"{gid} was told ABORTED and is at {at}")
        # A transfer takes 1 at its first participant and gives 1 at each other one.
        gained = sum(len(self.told[gid][0]) - 2 for gid in there["p1"] if gid in self.transfers)
        total = sum(cluster.read(name, "SELECT sum(v) FROM a")[0][0] for name in NAMES)
        if total != 2000 * 1000 * len(NAMES) + gained:
            self.wrong.append(f"the files hold {total} in all, {gained} more than at the beginning were given")
        return half, lost


class Pairing:
    """One cluster: its logs are begun by the previous release, continued in the pairing, ended by today's."""

    def __init__(self, coordinator, participants):
        self.wanted = {"c1": coordinator, **{name: participants for name in NAMES}}
        self.books = Books()
        self.cluster = ClusterOf(PREVIOUS)
        self.count = 0

    def run(self):
        cluster = self.cluster.start()
        self.work("before")
        decided = self.leave_branches("before", "three_phase")
        self.restart(self.wanted)
        self.must_hold(decided)
        self.repeat_key("before")
        self.work("mixed")
        decided += self.leave_branches("mixed", "two_phase")
        self.restart({name: BIN for name in self.wanted})
        self.must_hold(decided)
        self.repeat_key("mixed")
        self.work("after")
        cluster.settle()
        half, lost = self.books.judge(cluster)
        for daemon in cluster.daemons():
            for alarm in cluster.status(daemon)["alarms"]:
                self.books.wrong.append(f"alarm at {daemon.name}: {alarm}")
        return half, lost

    def transfer(self, gid, names, *flags):
        self.count += 1
        reply = self.cluster.transfer(gid, *flags, names=names, row=self.count)
        self.books.note(gid, names, reply.returncode)
        self.books.transfers.add(gid)
        if reply.returncode != 0:
            self.books.wrong.append(f"{gid} must be possible: {reply.stdout}{reply.stderr}")

    def work(self, when):
        """What clients do, in every protocol."""
        for protocol in PROTOCOLS:
            for i in range(5):
                self.transfer(f"{when}-{protocol}-{i}", NAMES, "--protocol", protocol)
        reply = self.cluster.transfer(f"{when}-one", amount=0, names=("p1",))
        self.books.note(f"{when}-one", ("p1",), reply.returncode)
        self.keyed(when)
        self.conversation(f"{when}-open")

    def keyed(self, when):
        reply = self.cluster.transfer(f"{when}-key", "--key", f"key-{when}", names=("p1", "p2"), row=1999)
        self.books.note(f"{when}-key", ("p1", "p2"), reply.returncode)
        return json.loads(self.cluster.cli("outcome", "--key", f"key-{when}", "-o", "json").stdout or "{}").get("outcome")

    def repeat_key(self, when):
        """The same request again: executed twice, it would meet its own row and abort."""
        if self.keyed(when) != "COMMITTED":
            self.books.wrong.append(f"the key of {when} is not known as committed")

    def conversation(self, gid):
        cli = self.cluster.cli
        txn = cli("txn", "begin", "--idle", "20s").stdout.strip()
        for name in ("p2", "p3"):
            cli("sql", "--txn", txn, name, "INSERT INTO did VALUES (?1)", "--param", f"text:{gid}")
        reply = cli("txn", "commit", txn)
        self.books.note(gid, ("p2", "p3"), reply.returncode)
        if reply.returncode != 0:
            self.books.wrong.append(f"{gid} must be possible: {reply.stderr}")

    def leave_branches(self, when, protocol):
        """Kills all nodes while p1 holds two prepared branches: one undecided, of this protocol, and one that its coordinator has decided."""
        cluster = self.cluster
        cluster.settle()
        cluster.coordinator.terminate()
        cluster.coordinator.start("coordinator.commit.durable=kill")
        self.until_linked()
        cluster.participants["p2"].process.send_signal(signal.SIGSTOP)
        clients = [cluster.transfer_in_background(f"{when}-undecided", "--deadline", "20s", "--protocol", protocol, row=1500 + self.count)]
        self.until(lambda: cluster.status(cluster.participants["p1"])["in_doubt"] == 1, "p1 holds a prepared branch")
        decided = f"{when}-decided"
        reply = cluster.transfer(decided, "--deadline", "5s", "--timeout", "5s", names=("p1", "p3"), row=1400 + self.count)
        self.books.note(decided, ("p1", "p3"), reply.returncode)
        self.books.told[f"{when}-undecided"] = (("p1", "p2"), "unknown")
        code = cluster.coordinator.wait()
        if code != -signal.SIGKILL:
            raise AssertionError(f"c1 ended with {code}, not at its fail point")
        for daemon in cluster.participants.values():
            daemon.kill()
        for client in clients:
            client.communicate(timeout=30)
        last = {}
        for record in cluster.participants["p1"].dump():
            if record["txn_id"]:
                last[record["txn_id"]] = record["type"]
        prepared = sum(kind == "PREPARED" for kind in last.values())
        if prepared != 2:
            raise AssertionError(f"p1 holds {prepared} prepared branches, not 2")
        return [decided]

    def restart(self, bins):
        for daemon in self.cluster.daemons():
            if daemon.running():
                daemon.kill()
            daemon.bin = bins[daemon.name]
        self.cluster.start()
        self.until_linked()
        self.cluster.settle()

    def until_linked(self):
        def linked():
            links = self.cluster.status()["links"]
            return len(links) == len(NAMES) and all(link["connected"] for link in links)
        self.until(linked, "c1 is linked to every participant")

    def until(self, true, what, limit=20):
        deadline = time.monotonic() + limit
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {limit} s: {what}; {self.cluster.status()['links']}")
            time.sleep(0.02)

    def must_hold(self, decided):
        for gid in decided:
            if gid not in self.cluster.gids("p1"):
                self.books.wrong.append(f"{gid} was decided COMMIT in the log of c1 and is not at p1")


class ClusterOf(Cluster):
    """Three participants; the logs are made by another release."""

    def __init__(self, made_by):
        self.made_by = made_by
        super().__init__(len(NAMES))

    def daemons(self):
        for daemon in (every := super().daemons()):
            if not os.path.exists(daemon.data):
                daemon.bin = self.made_by
        return every


def main():
    half = lost = pairings = 0
    good = True
    label = {PREVIOUS: "previous", BIN: "today"}
    for coordinator in (PREVIOUS, BIN):
        for participants in (PREVIOUS, BIN):
            pairing = Pairing(coordinator, participants)
            try:
                halves, losses = pairing.run()
            finally:
                pairing.cluster.close()
            books = pairing.books
            print(f"PAIRING coordinator {label[coordinator]} participants {label[participants]} transactions {len(books.told)} half {halves} "
                  f"lost {losses} {'good' if not books.wrong else 'WRONG'}", flush=True)
            for line in books.wrong:
                print(f"  {line}", flush=True)
            half, lost, pairings = half + halves, lost + losses, pairings + 1
            good = good and not books.wrong
    print(f"UPGRADE pairings {pairings} half {half} lost {lost}")
    return 0 if good and half == lost == 0 else 1


if __name__ == "__main__":
    sys.exit(main())

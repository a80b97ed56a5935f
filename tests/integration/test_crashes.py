"""failures.md 2.1: a process dies between any two durable states, on either side; recovery and the audit."""
import signal
import time
import unittest

from harness import Case, Cluster

COORDINATOR = [
    # (fail point, what the client may be told: None = unknown, the audit decides)
    ("coordinator.submit.accepted", "nowhere"),
    ("coordinator.prepare.sent_one", "nowhere"),
    ("coordinator.prepare.sent_all", "nowhere"),
    ("coordinator.votes.all_in", "nowhere"),
    ("coordinator.commit.appended", "either"),
    ("coordinator.commit.durable", "everywhere"),
    ("coordinator.commit.answered", "everywhere"),
    ("coordinator.commit.sent_one", "everywhere"),
    ("coordinator.commit.sent_all", "everywhere"),
    ("coordinator.acks.all_in", "everywhere"),
    ("coordinator.end.appended", "everywhere"),
    ("wal.write.before@2", "nowhere"),
    ("wal.sync.before@2", "either"),
    ("wal.sync.after@2", "everywhere"),
]
PARTICIPANT = [
    ("participant.prepare.received", "nowhere"),
    ("participant.prepare.executed", "nowhere"),
    ("participant.prepared.appended", "nowhere"),
    ("participant.prepared.durable", "nowhere"),
    ("participant.vote.sent", "either"),
    ("participant.commit.received", "everywhere"),
    ("participant.committed.appended", "everywhere"),
    ("participant.committed.durable", "everywhere"),
    ("participant.ack.sent", "everywhere"),
    ("sqlite.apply.begin", "everywhere"),
    ("sqlite.commit.before", "everywhere"),
    ("sqlite.commit.after", "everywhere"),
]


def with_action(point, action):
    name, at, hit = point.partition("@")
    return f"{name}={action}{at}{hit}"


class Crashes(Case):
    def crash(self, victim, point, verdict):
        cluster = self.cluster()
        daemon = {d.name: d for d in cluster.daemons()}[victim]
        if point.startswith("wal."):
            # How many records the first greetings force depends on their order. A second life forces one, its own,
            # before the transaction.
            self.assertEqual(cluster.start().transfer("t0").returncode, 0)
            daemon.kill()
            daemon.start(with_action(point, "kill"))
        else:
            cluster.start(**{victim: with_action(point, "kill")})
        reply = cluster.transfer("t1", "--deadline", "1s", "--timeout", "3s")
        self.assertEqual(daemon.wait(), -signal.SIGKILL, "the fail point was not reached")
        daemon.start()
        cluster.settle()
        there = "t1" in cluster.gids("p1")
        if reply.returncode == 0:
            self.assertTrue(there)
        if reply.returncode == 1:
            self.assertFalse(there, "told aborted, but committed")
        if verdict != "either":
            self.assertEqual(there, verdict == "everywhere")
        self.assertEqual(cluster.transfer("t2").returncode, 0, "the next transaction must go through")
        self.audit(cluster, committed=["t2"])

    def test_coordinator_dies_at_every_step(self):
        for point, verdict in COORDINATOR:
            with self.subTest(point=point):
                self.crash("c1", point, verdict)

    def test_participant_dies_at_every_step(self):
        for point, verdict in PARTICIPANT:
            with self.subTest(point=point):
                self.crash("p1", point, verdict)

    def test_participant_dies_while_aborting(self):
        for point in ("participant.abort.received", "participant.aborted.appended"):
            with self.subTest(point=point):
                cluster = self.cluster().start(p1=point + "=kill")
                words = Cluster.transfer_words("t1") + ["--on", "p2", "UPDATE a SET v = -1 WHERE id = 5"]
                # p1 may hear of the abort before it has voted; either way it must come to the same end.
                self.assertEqual(cluster.cli("submit", *words).returncode, 1)
                deadline = time.monotonic() + 5
                while cluster.participants["p1"].running() and time.monotonic() < deadline:
                    time.sleep(0.01)
                if cluster.participants["p1"].running():
                    cluster.participants["p1"].kill()
                else:
                    cluster.participants["p1"].wait()
                cluster.participants["p1"].start()
                self.audit(cluster, aborted=["t1"])

    def test_coordinator_dies_while_aborting(self):
        cluster = self.cluster().start(c1="coordinator.abort.decided=kill")
        words = Cluster.transfer_words("t1") + ["--on", "p2", "UPDATE a SET v = -1 WHERE id = 5"]
        cluster.cli("submit", *words, "--timeout", "3s")
        self.assertEqual(cluster.coordinator.wait(), -signal.SIGKILL)
        cluster.coordinator.start()
        self.audit(cluster, aborted=["t1"])

    def test_crashes_during_recovery_again_and_again(self):
        cluster = self.cluster().start(c1="coordinator.commit.durable=kill")
        cluster.transfer("t1", "--timeout", "3s")
        self.assertEqual(cluster.coordinator.wait(), -signal.SIGKILL)
        for point in ("coordinator.recovery.scanned", "coordinator.recovery.epoch_durable", "coordinator.recovery.adopted"):
            self.assertEqual(cluster.coordinator.start_expecting_exit(point + "=kill"), -signal.SIGKILL)
        p1 = cluster.participants["p1"]
        p1.kill()
        for point in ("participant.recovery.scanned", "participant.recovery.epoch_durable", "participant.recovery.replayed", "participant.recovery.adopted"):
            self.assertEqual(p1.start_expecting_exit(point + "=kill"), -signal.SIGKILL)
        p1.start()
        cluster.coordinator.start()
        self.audit(cluster, committed=["t1"])

    def test_one_phase_crashes(self):
        for victim, point in (("p1", "participant.onephase.appended"), ("p1", "participant.onephase.durable"), ("c1", "coordinator.submit.accepted")):
            with self.subTest(point=point):
                cluster = self.cluster(1).start(**{victim: point + "=kill"})
                reply = cluster.transfer("t1", "--deadline", "1s", "--timeout", "3s", amount=0, names=("p1",))
                self.assertNotEqual(reply.returncode, 1, "one phase: nobody may say aborted without asking the participant")
                daemon = {d.name: d for d in cluster.daemons()}[victim]
                self.assertEqual(daemon.wait(), -signal.SIGKILL)
                daemon.start()
                self.audit(cluster)

    def test_everything_is_killed_at_once_under_load(self):
        cluster = self.cluster().start()
        committed = []
        for round_number in range(3):
            running = [(f"r{round_number}-{i}", cluster.transfer_in_background(f"r{round_number}-{i}", "--timeout", "4s", row=i + 1)) for i in range(12)]
            first = running[0][1]
            first.wait(10)
            for daemon in cluster.daemons():
                daemon.process.kill()
            for daemon in cluster.daemons():
                daemon.wait()
            for gid, process in running:
                process.communicate(timeout=20)
                if process.returncode == 0:
                    committed.append(gid)
            for daemon in cluster.daemons():
                daemon.start()
        self.assertGreater(len(committed), 2)
        self.audit(cluster, committed=committed)


if __name__ == "__main__":
    unittest.main()

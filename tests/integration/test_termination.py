"""protocol.md 5 and 6 on real processes: what ends without the coordinator, what must wait for it, and what is said meanwhile."""
import json
import signal
import time
import unittest

from harness import Case

FAST = {"coordinator_flags": ("--prepare-timeout", "5s", "--resend-interval", "50ms", "--suspicion-timeout", "200ms"),
        "participant_flags": ("--inquiry-interval", "50ms", "--lock-timeout", "1s", "--suspicion-timeout", "200ms")}


class Termination(Case):
    def fast(self, participants=2):
        return self.cluster(participants, **FAST)

    def submit_and_lose(self, cluster, victim, protocol, gid="t1"):
        """Submits it; `victim` dies at its fail point."""
        client = cluster.transfer_in_background(gid, "--protocol", protocol, "--timeout", "1s")
        self.assertEqual(victim.wait(), -signal.SIGKILL, "the fail point was not reached")
        self.forget(client)

    @staticmethod
    def forget(client):
        """What it would be told at last is not what these tests are about."""
        client.kill()
        client.communicate()

    def wait_for(self, what, condition, limit=15):
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.02)
        self.fail(f"not within {limit} s: {what}")

    def in_doubt(self, cluster, name):
        return cluster.status(cluster.participants[name])["in_doubt"]

    def explanation(self, cluster, name):
        daemon = cluster.participants[name]
        listed = json.loads(cluster.cli_at(daemon, "txn", "list", "--in-doubt", "-o", "json").stdout)
        rows = listed["transactions"]
        return cluster.cli_at(daemon, "txn", "show", rows[0]["txn_id"]).stdout if rows else "nothing is in doubt"

    def test_three_phase_aborts_when_no_participant_had_precommitted(self):
        cluster = self.fast()
        for daemon in cluster.participants.values():
            daemon.start()
        for gid, point in (("t1", "coordinator.votes.all_in"), ("t2", "coordinator.precommit.durable")):
            cluster.coordinator.start(point + "=kill")  # with whatever it last knew
            self.submit_and_lose(cluster, cluster.coordinator, "three_phase", gid)
            for name in cluster.participants:
                self.wait_for(f"{name} is in doubt no more", lambda name=name: self.in_doubt(cluster, name) == 0)
        cluster.coordinator.start()
        self.audit(cluster, aborted=["t1", "t2"])
        self.assertEqual(cluster.transfer("t3", "--protocol", "three_phase").returncode, 0)
        self.audit(cluster, committed=["t3"])

    def test_three_phase_commits_when_a_participant_had_precommitted(self):
        # p2 is slow to answer: with its help the others would decide, and p1 might hear of that first.
        cluster = self.fast().start(p1="participant.precommitted.durable=kill", p2="participant.precommitted.durable=sleep:500")
        p1, committed = cluster.participants["p1"], []
        while p1.running():
            committed.append(f"t{len(committed)}")
            client = cluster.transfer_in_background(committed[-1], "--protocol", "three_phase", "--timeout", "1s")
            while p1.running() and client.poll() is None:
                time.sleep(0.005)
            if p1.running():  # it heard first after all
                self.assertEqual(client.wait(), 0)
                self.assertLess(len(committed), 10)
                client.communicate()
        self.assertEqual(p1.wait(), -signal.SIGKILL)
        cluster.coordinator.kill()
        self.forget(client)
        # p1 holds PRECOMMITTED and never said so: the coordinator may have committed, so a majority with p1 must.
        p1.start()
        for name in cluster.participants:
            self.wait_for(f"{name} is in doubt no more", lambda name=name: self.in_doubt(cluster, name) == 0)
            self.wait_for(f"{name} has it in its file", lambda name=name: committed[-1] in cluster.gids(name))
        cluster.coordinator.start()
        self.audit(cluster, committed=committed)

    def test_three_phase_minority_waits_and_says_for_whom(self):
        cluster = self.fast().start(c1="coordinator.votes.all_in=kill")
        p1, p2 = cluster.participants.values()
        client = cluster.transfer_in_background("t1", "--protocol", "three_phase", "--timeout", "1s")
        self.assertEqual(cluster.coordinator.wait(), -signal.SIGKILL)
        p2.kill()
        self.forget(client)
        said = ("2 of 3 members unreachable: c1, p2", "nothing is in doubt")  # p2 may have died after it had helped
        self.wait_for("p1 says why it waits", lambda: any(text in self.explanation(cluster, "p1") for text in said))
        p2.start()
        self.wait_for("p1 and p2 end it", lambda: self.in_doubt(cluster, "p1") + self.in_doubt(cluster, "p2") == 0)
        cluster.coordinator.start()
        self.audit(cluster, aborted=["t1"])

    def test_committed_transactions_cost_what_the_documents_say(self):
        """docs/concepts/protocols.md, "What it costs"; nothing is asked or sent twice at these intervals."""
        slow = ("--suspicion-timeout", "60s")
        cluster = self.cluster(2, coordinator_flags=("--resend-interval", "60s", *slow),
                               participant_flags=("--inquiry-interval", "60s", *slow)).start()

        def spent():
            cluster.settle()
            counters = [cluster.status(daemon)["counters"] for daemon in cluster.daemons()]
            return [sum(c.get(name, 0) for c in counters) for name in ("forced_writes", "messages_sent")]

        # A participant greets a coordinator that it is not configured with when this has sent its first message.
        self.assertEqual(cluster.transfer("first").returncode, 0)
        for protocol, forced, messages in (("two_phase", 5, 8), ("three_phase", 7, 12)):
            before = spent()
            for i in range(5):
                self.assertEqual(cluster.transfer(f"{protocol}{i}", "--protocol", protocol).returncode, 0)
            written, sent = (now - then for now, then in zip(spent(), before))
            self.assertEqual(sent, 5 * messages, protocol)
            # A member that learns COMMIT before it has handled its PRECOMMIT needs no PRECOMMITTED record.
            self.assertLessEqual(written, 5 * forced, protocol)
            self.assertGreaterEqual(written, 5 * (forced - 1 if protocol == "three_phase" else forced), protocol)

    def test_two_phase_blocks_when_all_have_voted(self):
        cluster = self.fast().start(c1="coordinator.votes.all_in=kill")
        self.submit_and_lose(cluster, cluster.coordinator, "two_phase")
        for name in cluster.participants:
            self.wait_for("it says why it waits",
                          lambda name=name: "All members prepared, coordinator c1 down" in self.explanation(cluster, name))
        self.assertEqual([self.in_doubt(cluster, n) for n in ("p1", "p2")], [1, 1])
        cluster.coordinator.start()
        self.audit(cluster, aborted=["t1"])

    def test_two_phase_is_ended_by_a_member_that_had_not_voted(self):
        cluster = self.fast().start(c1="coordinator.prepare.sent_one=sleep:60000")
        # A link that is not up yet would need the thread that sleeps.
        self.wait_for("links are up", lambda: all(link["connected"] for link in cluster.status(cluster.coordinator)["links"]))
        client = cluster.transfer_in_background("t1", "--protocol", "two_phase", "--timeout", "1s")
        p1 = cluster.participants["p1"]
        self.wait_for("p1 has voted", lambda: any(record["type"] == "PREPARED" for record in p1.dump()))
        cluster.coordinator.kill()  # p2 was not asked to prepare
        self.forget(client)
        self.wait_for("nobody is in doubt", lambda: self.in_doubt(cluster, "p1") + self.in_doubt(cluster, "p2") == 0)
        cluster.coordinator.start()
        self.audit(cluster, aborted=["t1"])

    def test_two_phase_learns_the_decision_from_a_member(self):
        cluster = self.fast().start(p1="participant.commit.received=kill", c1="coordinator.commit.sent_all=sleep:200")
        client = cluster.transfer_in_background("t1", "--protocol", "two_phase", "--timeout", "1s")
        p1 = cluster.participants["p1"]
        self.assertEqual(p1.wait(), -signal.SIGKILL)
        self.wait_for("p2 has committed", lambda: "t1" in cluster.gids("p2"))
        cluster.coordinator.kill()
        self.forget(client)
        p1.start()
        self.wait_for("p1 has it from p2", lambda: "t1" in cluster.gids("p1"))
        cluster.coordinator.start()
        self.audit(cluster, committed=["t1"])


if __name__ == "__main__":
    unittest.main()

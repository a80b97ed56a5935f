"""What operators do: decisions by hand and what becomes of them, draining, the trail, and doctor, against live daemons."""
import json
import time
import unittest

from harness import Case


class Operators(Case):
    def by_hand(self, cluster, daemon, verb, gtid, *words):
        return cluster.cli_at(daemon, "txn", verb, gtid, "--operator", "ann", "--reason", "c1 is lost", "--confirm", gtid[-6:], *words)

    def lose_the_coordinator(self):
        """COMMIT is durable, nobody but the dead coordinator knows."""
        cluster = self.cluster().start(c1="coordinator.commit.durable=kill")
        cluster.transfer("t1", "--timeout", "3s")
        cluster.coordinator.wait()
        p1, p2 = cluster.participants["p1"], cluster.participants["p2"]
        gtid = json.loads(cluster.cli_at(p1, "txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"][0]["txn_id"]
        return cluster, p1, p2, gtid

    def wait_for_state(self, cluster, daemon, gtid, state):
        deadline = time.monotonic() + 15
        while True:
            shown = json.loads(cluster.cli_at(daemon, "txn", "show", gtid, "-o", "json").stdout or "{}")
            if shown.get("state") == state:
                return shown
            self.assertLess(time.monotonic(), deadline, shown)

    def wait_until_down(self, cluster, daemon):
        deadline = time.monotonic() + 15
        while any(link["connected"] for link in cluster.status(daemon)["links"] if link["peer"] == "c1"):
            self.assertLess(time.monotonic(), deadline)

    def test_who_holds_rows_and_who_waits(self):
        cluster = self.cluster().start()
        p1 = cluster.participants["p1"]
        holder = cluster.cli("txn", "begin", "--comment", "month end").stdout.split()[0]
        reply = cluster.cli("sql", "--txn", holder, "p1", "UPDATE a SET v = v + 1 WHERE id = 7")
        self.assertEqual(reply.returncode, 0, reply.stderr)
        shown = cluster.cli("txn", "show", holder)
        self.assertIn("open", shown.stdout)
        self.assertIn("month end", shown.stdout)
        self.assertIn("1 executed", shown.stdout)
        waiter = cluster.transfer_in_background("t1", row=7)
        deadline = time.monotonic() + 15
        while True:
            page = json.loads(cluster.cli("participant", "locks", "p1", "-o", "json").stdout)
            if page["resources"] or waiter.poll() is not None:
                break
            self.assertLess(time.monotonic(), deadline)
        row = page["resources"][0]
        self.assertEqual(row["resource"], "a row of a (7)")
        self.assertEqual([(h["txn_id"], h["mode"]) for h in row["holders"]], [(holder, "X")])
        self.assertEqual(row["waiters"][0]["behind"], holder)
        self.assertEqual([(w["behind"], w["mode"]) for w in row["waiters"]], [(holder, "X")])
        self.assertTrue(0 <= row["waiters"][0]["gives_up_ms"] <= 1000, row)
        self.assertEqual([r["resource"] for r in page["resources"]], ["a row of a (7)"])  # its table is in nobody's way
        waiter.wait(20)
        for stream in (waiter.stdout, waiter.stderr):
            stream.close()
        self.assertEqual(waiter.returncode, 1)  # LOCK_TIMEOUT
        stuck = json.loads(cluster.cli("txn", "show", holder, "-o", "json").stdout)
        self.assertGreaterEqual(stuck["gave_up"], 1)
        there = cluster.cli_at(p1, "txn", "show", holder).stdout
        self.assertIn("holds X    a row of a (7)", there)
        self.assertIn("blocks nobody now; ", there)
        self.assertEqual(cluster.cli("participant", "locks", "p1").stderr, "nobody waits for a lock; 2 are held (--all)\n")
        self.assertIn(f"holds X    {holder}", cluster.cli("participant", "locks", "p1", "--all").stdout)
        mine = json.loads(cluster.cli("participant", "locks", "p1", "--txn", holder[-6:], "-o", "json").stdout)
        self.assertEqual([r["resource"] for r in mine["resources"]], ["a row of a (7)", "table a"])
        first = json.loads(cluster.cli("participant", "locks", "p1", "--all", "--limit", "1", "-o", "json").stdout)
        rest = json.loads(cluster.cli("participant", "locks", "p1", "--all", "--after", first["next_after"], "-o", "json").stdout)
        self.assertEqual(first["resources"] + rest["resources"] != [], rest["next_after"] == "")
        self.assertEqual(cluster.cli("participant", "locks", "p1", "--after", "nonsense").returncode, 2)
        self.assertEqual(cluster.cli("txn", "rollback", holder).returncode, 0)
        cluster.settle()
        self.assertEqual(json.loads(cluster.cli("participant", "locks", "p1", "--all", "-o", "json").stdout)["locks"], 0)

    def test_by_hand_both_right(self):
        cluster, p1, p2, gtid = self.lose_the_coordinator()
        for daemon in (p1, p2):
            self.wait_until_down(cluster, daemon)
        dry = cluster.cli_at(p1, "txn", "resolve", gtid[-6:], "--commit", "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stderr)
        self.assertIn(f"-e {p2.address}", dry.stdout)
        self.assertIn("differ for good", dry.stdout)
        untyped = cluster.cli_at(p1, "txn", "resolve", gtid, "--commit", "--reason", "x", "--confirm", "ABCDEF")
        self.assertEqual(untyped.returncode, 2, untyped.stderr)
        unreasoned = cluster.cli_at(p1, "txn", "resolve", gtid, "--commit", "--confirm", gtid[-6:])
        self.assertEqual(unreasoned.returncode, 2, unreasoned.stderr)
        stale = self.by_hand(cluster, p1, "resolve", gtid, "--commit", "--revision", "1.prepared.7")
        self.assertEqual(stale.returncode, 5)
        self.assertIn("moved on", stale.stderr)
        for daemon in (p1, p2):
            reply = self.by_hand(cluster, daemon, "resolve", gtid, "--commit")
            self.assertEqual(reply.returncode, 0, reply.stderr)
            self.wait_for_state(cluster, daemon, gtid, "heuristic_committed")
        self.assertEqual(self.by_hand(cluster, p1, "resolve", gtid, "--abort").returncode, 5)
        p1.kill()
        p1.start()
        self.assertEqual(self.wait_for_state(cluster, p1, gtid, "heuristic_committed")["decision"], "commit")
        trail = json.loads(cluster.cli_at(p1, "audit", "-o", "json").stdout)["entries"]
        self.assertEqual([(e["action"], e["result"], e["by"]) for e in trail if e["result"] == "ok"], [("resolve_commit", "ok", "ann")])
        cluster.coordinator.start()
        for daemon in (p1, p2):
            deadline = time.monotonic() + 15
            while "decided the same" not in cluster.cli_at(daemon, "txn", "show", gtid).stdout:
                self.assertLess(time.monotonic(), deadline)
            self.assertEqual(self.by_hand(cluster, daemon, "forget", gtid).returncode, 0)
        self.audit(cluster, committed=["t1"])

    def test_mixed_outcome_is_shown_until_forgotten(self):
        cluster, p1, p2, gtid = self.lose_the_coordinator()
        self.wait_until_down(cluster, p2)
        self.assertEqual(self.by_hand(cluster, p2, "resolve", gtid, "--abort").returncode, 0)
        cluster.coordinator.start()
        self.wait_for_state(cluster, p2, gtid, "heuristic_mixed")
        for daemon in (p2, cluster.coordinator):
            deadline = time.monotonic() + 15
            while not any("MIXED" in alarm for alarm in cluster.status(daemon)["alarms"]):
                self.assertLess(time.monotonic(), deadline)
        doctor = cluster.cli("doctor")
        self.assertEqual(doctor.returncode, 6)
        self.assertIn("YES: the databases differ", doctor.stdout)
        self.assertEqual(cluster.cli("status", "--check").returncode, 6)
        self.assertEqual(cluster.status()["counters"]["live"], 1)
        p2.kill()
        p2.start()
        self.wait_for_state(cluster, p2, gtid, "heuristic_mixed")
        # The person repairs by submitting what is missing, then forgets.
        self.assertEqual(cluster.gids("p1"), {"t1"})
        self.assertEqual(cluster.gids("p2"), set())
        repair = cluster.cli("submit", "--on", "p2", "UPDATE a SET v = v + 1 WHERE id = 1", "--on", "p2", "INSERT INTO did VALUES ('t1')")
        self.assertEqual(repair.returncode, 0, repair.stderr)
        early = cluster.cli_at(p2, "txn", "forget", gtid, "--dry-run")
        self.assertEqual(early.returncode, 0, early.stderr)
        self.assertIn("MIXED", early.stdout)
        self.assertEqual(self.by_hand(cluster, p2, "forget", gtid).returncode, 0)
        cluster.settle()
        self.assertEqual(cluster.status(p2)["alarms"], [])
        self.assertEqual(cluster.gids("p2"), {"t1"})
        actions = [(e["action"], e["result"]) for e in json.loads(cluster.cli_at(p2, "audit", "-o", "json").stdout)["entries"]]
        self.assertEqual(actions, [("forget", "ok"), ("truth", "mixed"), ("resolve_abort", "ok")])
        self.assertEqual(cluster.status()["alarms"], [])  # the acknowledgement has ended it
        # The logs differ for ever: that is what happened. The files agree again.
        self.assertEqual([cluster.gids(n) for n in ("p1", "p2")], [{"t1"}, {"t1"}])
        self.assertEqual(sum(cluster.read(n, "SELECT sum(v) FROM a")[0][0] for n in ("p1", "p2")), 2 * 2000 * 1000)
        for daemon in cluster.daemons():
            self.assertEqual(cluster.status(daemon)["alarms"], [])

    def test_the_list_narrowed_down(self):
        cluster = self.cluster().start(p2="participant.commit.received=kill@2")
        for gid in ("t0", "t1"):
            self.assertEqual(cluster.transfer(gid).returncode, 0)
        cluster.participants["p2"].wait()
        self.assertEqual(cluster.transfer("t2", amount=10**9, names=("p1",)).returncode, 1)

        def listed(*words):
            page = json.loads(cluster.cli("txn", "list", *words, "-o", "json").stdout)
            return [row["state"] for row in page["transactions"]], page["next_after"]
        self.assertEqual(sorted(listed()[0]), ["aborted", "committed", "committing"])
        for words, states in ((("--participant", "p2"), ["committing"]), (("--participant", "p1"), []), (("--state", "committed"), ["committed"]), (("--state", "open"), []),
                              (("--in-doubt",), ["committing"]), (("--active",), ["committing"]), (("--recent",), ["aborted", "committed"]), (("--older-than", "1h"), []),
                              (("--state", "aborted", "--participant", "p2"), []), (("--older-than", "1ms"), ["committing", "aborted", "committed"])):
            self.assertEqual(listed(*words)[0], states, words)
        seen, after = [], ""
        while True:
            states, after = listed("--limit", "1", "--after", after)
            seen += states
            if not after:
                break
        self.assertEqual(seen, listed()[0])

    def test_refused_where_somebody_knows(self):
        cluster = self.cluster().start(p2="participant.commit.received=kill")
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        cluster.participants["p2"].wait()
        gtid = json.loads(cluster.cli("txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"][0]["txn_id"]
        refused = cluster.cli("txn", "resolve", gtid, "--abort", "--reason", "unblock p2", "--confirm", gtid[-6:])
        self.assertEqual(refused.returncode, 5)
        self.assertIn("COMMIT is in the log and 1 of 2", refused.stderr)
        self.assertIn("mixed outcome", refused.stderr)
        known = self.by_hand(cluster, cluster.participants["p1"], "resolve", gtid, "--abort")
        self.assertEqual(known.returncode, 5)
        self.assertIn("the log knows", known.stderr)
        self.assertEqual([e["result"] for e in json.loads(cluster.cli("audit", "-o", "json").stdout)["entries"]], ["refused"])
        deadline = time.monotonic() + 15
        while True:
            doctor = cluster.cli("doctor")
            if "blocked by p2" in doctor.stdout and "participant p2" in doctor.stdout:
                break
            self.assertLess(time.monotonic(), deadline, doctor.stdout)
        self.assertEqual(doctor.returncode, 6)
        watching = cluster.cli("txn", "watch", gtid, "--timeout", "500ms")
        self.assertEqual(watching.returncode, 3)
        cluster.participants["p2"].start()
        self.assertIn(cluster.cli("txn", "retry", gtid).returncode, (0, 4))  # 4: p2 is back and it has ended by itself
        self.assertEqual(cluster.cli("txn", "watch", gtid).returncode, 0)
        self.audit(cluster, committed=["t1"])

    def test_a_member_of_a_three_phase_transaction_is_no_coordinator(self):
        cluster = self.cluster().start(c1="coordinator.precommit.durable=kill")
        cluster.transfer("t1", "--protocol", "three_phase", "--timeout", "2s")
        cluster.coordinator.wait()
        p1, p2 = cluster.participants["p1"], cluster.participants["p2"]
        p2.kill()
        deadline = time.monotonic() + 15
        while "participant p2: not connected" not in (found := cluster.cli_at(p1, "doctor").stdout):
            self.assertLess(time.monotonic(), deadline, found)
        self.assertIn("agent-down.md", found)
        self.assertEqual({link["peer"]: link["role"] for link in cluster.status(p1)["links"]}, {"c1": "coordinator", "p2": "participant"})
        gtid = json.loads(cluster.cli_at(p1, "txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"][0]["txn_id"]
        self.assertIn(f"troth txn retry {gtid} -e {p1.address}", cluster.cli_at(p1, "txn", "show", gtid).stdout)
        p2.start()
        cluster.coordinator.start()
        self.audit(cluster)

    def lost(self, cluster, name, *words):
        return cluster.cli("participant", "lost", name, "--operator", "ann", "--reason", "disk burnt", "--confirm", name, *words)

    def lose_p2(self):
        """COMMIT is durable and acknowledged by p1; p2 is gone with its yes vote."""
        cluster = self.cluster().start(p2="participant.commit.received=kill")
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        cluster.participants["p2"].wait()
        deadline = time.monotonic() + 15
        while (reply := self.lost(cluster, "p2", "--dry-run")).returncode == 5:  # still connected, as far as the coordinator knows
            self.assertLess(time.monotonic(), deadline, reply.stderr)
        self.assertIn("1 transaction decided COMMIT and not confirmed by p2", reply.stdout)
        return cluster, json.loads(cluster.cli("txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"][0]["txn_id"]

    def test_a_participant_that_never_comes_back(self):
        cluster, gtid = self.lose_p2()
        self.assertEqual(self.lost(cluster, "p1").returncode, 5)
        self.assertEqual(self.lost(cluster, "nobody").returncode, 4)
        self.assertEqual(cluster.cli("participant", "lost", "p2", "--reason", "x", "--confirm", "p1").returncode, 2)
        self.assertEqual(cluster.cli("participant", "lost", "p2", "--confirm", "p2").returncode, 2)
        self.assertEqual(cluster.status()["in_doubt"], 1)
        self.assertEqual(self.lost(cluster, "p2").returncode, 0)
        for restarted in (False, True):
            if restarted:
                cluster.coordinator.kill()
                cluster.coordinator.start()
            self.wait_for_state(cluster, cluster.coordinator, gtid, "heuristic_hazard")
            self.assertEqual(cluster.status()["in_doubt"], 0)
            doctor = cluster.cli("doctor").stdout
            self.assertIn("1 transaction committed and never confirmed by p2, which ann declared lost", doctor)
            self.assertIn("YES: what they were to write there may be in no database", doctor)
            self.assertIn("lost-participant.md", doctor)
            self.assertEqual(json.loads(cluster.cli("outcome", gtid, "-o", "json").stdout)["outcome"], "COMMITTED")
        self.assertEqual(cluster.cli("txn", "resolve", gtid, "--abort", "--reason", "x", "--confirm", gtid[-6:]).returncode, 5)
        self.assertEqual(self.lost(cluster, "p2", "--forget").returncode, 0)
        self.assertEqual(json.loads(cluster.cli("txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"], [])
        self.assertEqual(cluster.status()["alarms"], [])
        trail = [(e["action"], e["result"], e["subject"]) for e in json.loads(cluster.cli("audit", "-o", "json").stdout)["entries"]]
        self.assertEqual([entry for entry in trail if entry[1] == "ok"], [("lost_forget", "ok", "p2"), ("lost", "ok", "p2")])

    def test_a_lost_participant_that_comes_back_is_told(self):
        for forgotten in (False, True):
            cluster, gtid = self.lose_p2()
            self.assertEqual(self.lost(cluster, "p2").returncode, 0)
            if forgotten:
                self.assertEqual(cluster.cli("txn", "forget", gtid[-6:], "--reason", "mended", "--confirm", gtid[-6:]).returncode, 0)
            cluster.participants["p2"].start()
            deadline = time.monotonic() + 15
            while cluster.status()["alarms"] or cluster.gids("p2") != {"t1"}:
                self.assertLess(time.monotonic(), deadline, cluster.status()["alarms"])
            self.audit(cluster, committed=["t1"])

    def test_drain_and_resume(self):
        cluster = self.cluster().start()
        self.assertEqual(cluster.cli("participant", "drain", "p2", "--reason", "new disk").returncode, 0)
        refused = cluster.transfer("t1")
        self.assertEqual(refused.returncode, 5)
        self.assertIn("drained by an operator", refused.stderr)
        self.assertEqual(cluster.transfer("t2", amount=0, names=("p1",)).returncode, 0)
        listed = json.loads(cluster.cli("participant", "list", "-o", "json").stdout)["participants"]
        self.assertEqual({p["peer"]: p["draining"] for p in listed}, {"p1": False, "p2": True})
        cluster.coordinator.kill()
        cluster.coordinator.start()
        self.assertEqual(cluster.transfer("t2").returncode, refused.returncode, "a restart has forgotten it")
        self.assertEqual(cluster.cli("participant", "resume", "p2").returncode, 0)
        self.assertEqual(cluster.transfer("t3").returncode, 0)
        self.assertEqual(cluster.cli("participant", "drain", "nobody").returncode, 4)
        self.assertEqual(cluster.cli("participant", "orphans").returncode, 0)
        self.assertEqual(cluster.cli("participant", "show", "p1").returncode, 0)
        self.assertEqual(cluster.cli("doctor").returncode, 0)
        cluster.settle()


if __name__ == "__main__":
    unittest.main()

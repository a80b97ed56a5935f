"""Starting, stopping, disconnecting, looking: what an operator does and meets."""
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest
import unittest.mock

from harness import Case, Cluster


class Operations(Case):
    def test_sigterm_drains_and_exits_0(self):
        cluster = self.cluster().start()
        running = [cluster.transfer_in_background(f"t{i}", row=i + 1) for i in range(8)]
        running[0].wait(10)
        self.assertEqual(cluster.coordinator.terminate(), 0)
        results = []
        for i, process in enumerate(running):
            process.communicate(timeout=20)
            results.append((f"t{i}", process.returncode))
        for daemon in cluster.participants.values():
            self.assertEqual(daemon.terminate(), 0)
        for daemon in cluster.daemons():
            daemon.start()
        self.audit(cluster, committed=[g for g, code in results if code == 0], aborted=[g for g, code in results if code == 1])

    def test_spans_of_sampled_transactions_those_that_a_crash_interrupted_too(self):
        cluster = self.cluster()
        files = {}
        for daemon in cluster.daemons():
            files[daemon.name] = os.path.join(cluster.dir, daemon.name + ".spans")
            daemon.arguments = lambda base=daemon.arguments, name=daemon.name: [*base(), "--trace-file", files[name]]
        cluster.start(p2="participant.commit.received=kill@2", c1="coordinator.commit.durable=kill@3")

        def traced(gid, trace, *flags, **transfer):
            with unittest.mock.patch.dict(os.environ, TRACEPARENT=f"00-{trace * 32}-{'7' * 16}-01"):
                return cluster.transfer(gid, *flags, **transfer)
        self.assertEqual(traced("t1", "a").returncode, 0)
        self.assertEqual(cluster.transfer("t2-untraced", names=("p1",), amount=0).returncode, 0)
        self.assertEqual(traced("t3", "b", amount=100000).returncode, 1)
        self.assertEqual(traced("t4", "c").returncode, 0)
        p2 = cluster.participants["p2"]
        self.assertEqual(p2.wait(), -signal.SIGKILL)
        p2.start()
        cluster.settle()
        # COMMIT is on the coordinator's disk, and the same with PRECOMMITTED of a three-phase transaction: nobody is told before it is back.
        c1 = cluster.coordinator
        self.assertEqual(traced("t5", "d").returncode, 3)
        self.assertEqual(c1.wait(), -signal.SIGKILL)
        c1.start("coordinator.precommit.majority=kill")
        cluster.settle()
        self.assertEqual(traced("t6", "e", "--protocol", "three_phase").returncode, 3)
        self.assertEqual(c1.wait(), -signal.SIGKILL)
        c1.start()
        cluster.settle()
        for daemon in cluster.daemons():
            self.assertEqual(daemon.terminate(), 0)
        spans, calls = {}, {}
        for name, path in files.items():
            with open(path) as file:
                for line in file:
                    span = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
                    attributes = {a["key"]: a["value"]["stringValue"] for a in span["attributes"]}
                    if span["kind"] == 3:
                        calls.setdefault(span["traceId"][0], {})[attributes["troth.participant"], span["name"].rsplit("/")[1]] = span
                    else:
                        spans.setdefault(span["traceId"][0], {})[name] = span
        # p1 refuses b; its ABORT may reach p2 before its PREPARE does, and then there is nothing to trace there.
        self.assertEqual({trace: sorted({*found, "p2"} if trace == "b" else found) for trace, found in spans.items()},
                         {trace: ["c1", "p1", "p2"] for trace in "abcde"})
        both = sorted((name, method) for name in ("p1", "p2") for method in ("prepare", "commit"))
        self.assertEqual(sorted(calls["a"]), both)
        self.assertEqual(sorted(calls["b"]), [row for row in both if row[1] == "prepare"])
        self.assertEqual(sorted(calls["c"]), both)
        self.assertTrue("status" in calls["b"]["p1", "prepare"])
        for trace in "de":
            found = spans.pop(trace)
            self.assertEqual(found["c1"]["name"], "troth.v1.Coordinator/recover")
            keys = {a["key"]: a["value"]["stringValue"] for a in found["c1"]["attributes"]}
            self.assertEqual((keys["troth.recovered"], keys["troth.outcome"]), ("true", "COMMITTED"))
            # Its submit span was lost with the process, those of the calls perhaps; what they would hang below is the same.
            for (name, method), call in calls.get(trace, {}).items():
                self.assertEqual(call["parentSpanId"], found["c1"]["parentSpanId"])
                self.assertTrue(method == "commit" or found[name]["parentSpanId"] == call["spanId"])
        for trace, found in spans.items():
            self.assertEqual(found["c1"]["parentSpanId"], "7" * 16)
            self.assertEqual(found["c1"]["name"], "troth.v1.Coordinator/submit")
            for name in set(found) - {"c1"}:
                self.assertEqual(found[name]["parentSpanId"], calls[trace][name, "prepare"]["spanId"])
            for call in calls[trace].values():
                self.assertEqual(call["parentSpanId"], found["c1"]["spanId"])
            self.assertEqual("status" in found["c1"], trace == "b")
        recovered = [name for name, span in spans["c"].items() if "troth.recovered" in (a["key"] for a in span["attributes"])]
        self.assertEqual(recovered, ["p2"])

    def test_a_second_daemon_on_the_same_directory_is_refused(self):
        cluster = self.cluster().start()
        for daemon in cluster.daemons():
            command = [os.path.join(os.environ["TROTH_BIN"], daemon.program), "--data-dir", daemon.data, "--listen", "127.0.0.1:0", *daemon.arguments()]
            second = subprocess.run(command, capture_output=True, text=True, timeout=20)
            self.assertEqual(second.returncode, 75, second.stderr)
        self.audit(cluster)

    def test_what_a_start_cannot_use_is_named_with_its_code(self):
        cluster = self.cluster().start()
        other = self.cluster()
        taken = cluster.coordinator.address
        rows = [(("--listen", taken), 69, f"cannot listen on {taken}: Address already in use"),
                (("--http", taken), 69, f"cannot listen on {taken} for http: Address already in use"),
                (("--trace-file", "/nonexistent/spans"), 64, "/nonexistent/spans"),
                (("--name", "somebody"), 64, "name somebody contradicts the log"),
                (("--name", "somebody", "--check-config"), 64, "name somebody contradicts the log")]
        for daemon in other.daemons():
            own = ["--database", other.database(daemon.name)] if daemon is not other.coordinator else ["--participant", "p1=127.0.0.1:1"]
            for words, code, sentence in rows:
                with self.subTest(daemon=daemon.name, words=words):
                    listen = () if "--listen" in words else ("--listen", "127.0.0.1:0")
                    command = [os.path.join(os.environ["TROTH_BIN"], daemon.program), "--data-dir", daemon.data, *own, *listen, *words]
                    reply = subprocess.run(command, capture_output=True, text=True, timeout=20)
                    self.assertEqual(reply.returncode, code, reply.stderr)
                    self.assertIn(sentence, reply.stderr)

    def test_doctor_tells_a_wrong_address_from_a_dead_participant(self):
        cluster = self.cluster()
        p1, p2 = cluster.participants.values()
        p1.start()
        p2.start()
        right = cluster.coordinator.arguments
        p1.address, p2.address = p2.address, p1.address
        exchanged = right()
        p1.address, p2.address = p2.address, p1.address
        cluster.coordinator.arguments = lambda: exchanged
        cluster.coordinator.start()

        def doctor_says(sentence):
            deadline = time.monotonic() + 10
            while sentence not in (text := cluster.cli("doctor").stdout):
                self.assertLess(time.monotonic(), deadline, text)
                time.sleep(0.05)

        doctor_says("the addresses of p1 and p2 are exchanged in the settings of c1")
        self.assertIn("exchange the addresses of participant = p1 and p2 in flag --participant", cluster.cli("doctor").stdout)
        cluster.coordinator.terminate()
        cluster.coordinator.arguments = right
        # p2 moves, and greets: the coordinator knows the old address alone.
        cluster.coordinator.start()
        old = cluster.coordinator.arguments()
        cluster.coordinator.arguments = lambda: old
        p2.kill()
        doctor_says("if it refuses: troth doctor --data-dir DIR of p2")
        p2.address, flags = None, p2.arguments()
        p2.arguments = lambda: [*flags, "--coordinator", f"c1={cluster.coordinator.address}"]
        p2.start()
        doctor_says(p2.address)  # where it says that it is; if its log was met before, it is reached there
        cluster.coordinator.terminate()
        cluster.coordinator.arguments = right
        cluster.coordinator.start()
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        self.audit(cluster, committed=["t1"])

    def test_usage_errors_are_64_and_name_the_problem(self):
        rows = [(["--nonsense"], "nonsense"), (["--data-dir", "/nonexistent/x"], "init"), ([], "--data-dir"),
                (["fly", "--data-dir", "x"], "fly")]
        for program in ("troth-coordinator", "troth-participant"):
            for words, sentence in rows:
                with self.subTest(program=program, words=words):
                    reply = subprocess.run([os.path.join(os.environ["TROTH_BIN"], program), *words], capture_output=True, text=True, timeout=20)
                    self.assertEqual(reply.returncode, 64, reply.stderr)
                    self.assertIn(sentence, reply.stderr + reply.stdout)
            reply = subprocess.run([os.path.join(os.environ["TROTH_BIN"], program), "--help"], capture_output=True, text=True, timeout=20)
            self.assertEqual(reply.returncode, 0)
            self.assertIn("Exit codes", reply.stdout)

    def test_a_client_that_goes_away_after_submitting(self):
        cluster = self.cluster().start(p2="participant.prepare.received=sleep:300")
        process = cluster.transfer_in_background("t1")
        # Gone before any answer: the transaction runs to an end all the same.
        deadline = 200
        while cluster.status()["counters"].get("submitted", 0) == 0 and deadline > 0:
            deadline -= 1
        process.kill()
        process.communicate()
        self.audit(cluster)

    def test_nobody_else_writes_while_the_agent_runs(self):
        cluster = self.cluster().start()
        db = sqlite3.connect(cluster.database("p1"), timeout=0.05)
        with self.assertRaises(sqlite3.OperationalError):
            db.execute("UPDATE a SET v = 0")
        self.assertEqual(db.execute("SELECT count(*) FROM a").fetchone(), (2000,))
        db.close()
        self.audit(cluster)

    def test_in_doubt_is_shown_with_its_reason(self):
        cluster = self.cluster().start(c1="coordinator.commit.durable=kill")
        cluster.transfer("t1", "--timeout", "3s")
        cluster.coordinator.wait()
        p1 = cluster.participants["p1"]
        listed = cluster.cli_at(p1, "txn", "list", "--in-doubt").stdout
        self.assertIn("prepared", listed)
        self.assertIn("c1", listed)
        gtid = listed.splitlines()[1].split()[0]
        shown = cluster.cli_at(p1, "txn", "show", gtid[-8:])
        self.assertEqual(shown.returncode, 0)
        self.assertRegex(shown.stdout, "must wait for c1|only c1 knows")  # the second as soon as p2 has answered
        cluster.coordinator.start()
        self.audit(cluster, committed=["t1"])


if __name__ == "__main__":
    unittest.main()

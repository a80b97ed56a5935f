"""`troth bench`: own and running clusters, every figure present, nothing left behind."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import BIN, Cluster


def bench(*words, endpoint=None, timeout=60, env=None):
    command = [os.path.join(BIN, "troth"), *(("-e", endpoint) if endpoint else ()), "bench", *words, "-o", "json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)


def planting(directory, fault):
    """An environment in which the stock tool that makes the benchmark's databases plants a fault in them."""
    tool = os.path.join(directory, "sqlite3")
    with open(tool, "w") as script:
        script.write(f'#!/bin/sh\n{shutil.which("sqlite3")} "$@" || exit\nexec {shutil.which("sqlite3")} -bail "$2" "{fault}"\n')
    os.chmod(tool, 0o755)
    return {**os.environ, "PATH": directory + os.pathsep + os.environ["PATH"]}


class Bench(unittest.TestCase):
    def test_own_cluster_with_aborts_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as directory:
            files = {kind: os.path.join(directory, kind) for kind in ("csv", "json", "hgrm")}
            run = bench("transfer", "--local", "--dir", directory, "--seconds", "500ms", "--warmup", "100ms", "--accounts", "1000",
                        "--clients", "2", "--abort-percent", "50", *sum((["--" + k, f] for k, f in files.items()), []))
            self.assertEqual(run.returncode, 0, run.stderr)
            report = json.loads(run.stdout)
            self.assertTrue(report["conserved"])
            self.assertGreater(report["committed"], 0)
            self.assertGreater(report["aborted"], 0)
            self.assertEqual(report["unknown"], 0, report)
            self.assertGreater(report["latency_us"]["p50"], 0)
            phases = report["phases_us"]
            self.assertEqual(list(phases), ["queue", "prepare", "log", "commit"])
            for phase in phases.values():
                self.assertGreater(phase["count"], 0)
                self.assertGreater(phase["p99"], 0)
            ours = sum(phases[p]["p50"] for p in ("prepare", "log"))
            self.assertLess(ours, 2 * report["latency_us"]["p99"], "what the coordinator sees is a part of what the client sees")
            self.assertEqual([n["name"] for n in report["nodes"]], ["c1", "p1", "p2"])
            for node in report["nodes"]:
                self.assertGreater(node["forced_writes_per_txn"], 0)
                self.assertGreater(node["fsyncs_per_txn"], 0)
                self.assertGreater(node["messages_sent_per_txn"], 0)
                self.assertGreater(node["message_bytes_per_txn"], 20 * node["messages_sent_per_txn"])
                self.assertGreater(node["log_bytes_per_txn"], 20 * node["records_per_txn"])
                self.assertGreater(node["resident_peak_bytes"], 0)
            self.assertTrue(open(files["csv"]).read().startswith("second,finished\n1,"))
            self.assertEqual(json.load(open(files["json"]))["committed"], report["committed"])
            self.assertIn("1/(1-Percentile)", open(files["hgrm"]).read())
            self.assertEqual(sorted(os.listdir(directory)), ["csv", "hgrm", "json"])

    def test_open_loop_in_batches_keeps_its_rate(self):
        run = bench("read-only", "--local", "--seconds", "1s", "--warmup", "100ms", "--accounts", "100", "--in-flight", "8", "--rate", "200",
                    "--participants", "3")
        self.assertEqual(run.returncode, 0, run.stderr)
        report = json.loads(run.stdout)
        self.assertLess(report["txn_per_s"], 260)
        self.assertGreater(report["txn_per_s"], 100)
        self.assertTrue(report["conserved"])

    def test_applications_check_their_databases(self):
        for workload, *flags in (["smallbank", "--customers", "100"], ["tpcc", "--customers", "10", "--items", "100"]):
            with self.subTest(workload=workload), tempfile.TemporaryDirectory() as directory:
                run = bench(workload, "--local", "--dir", directory, "--seconds", "1s", "--warmup", "0s", "--clients", "4", "--kills", "2", *flags)
                self.assertEqual(run.returncode, 0, run.stderr + run.stdout)
                report = json.loads(run.stdout)
                self.assertEqual((report["consistency"], report["violations"], report["surprises"]), ("ok", [], []))
                self.assertEqual(report["kills"], 2)
                self.assertGreater(report["committed"], 0)
                self.assertEqual(os.listdir(directory), [])

    def test_a_broken_database_is_reported(self):
        faults = (
            (["smallbank", "--customers", "100"], " databases, and its client was told COMMITTED",
             "CREATE TRIGGER forgets AFTER INSERT ON moved WHEN new.id % 2 BEGIN DELETE FROM moved WHERE id = new.id; END"),
            (["tpcc", "--customers", "10", "--items", "100"], "condition 1, W_YTD = sum(D_YTD): so often violated: ",
             "CREATE TRIGGER takes AFTER UPDATE OF d_ytd ON district BEGIN UPDATE warehouse SET w_ytd = w_ytd - 1 WHERE w_id = new.d_w_id; END"))
        for (workload, *flags), expected, fault in faults:
            with self.subTest(workload=workload), tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as tools:
                run = bench(workload, "--local", "--dir", directory, "--seconds", "500ms", "--warmup", "0s", "--clients", "4", *flags,
                            env=planting(tools, fault))
                self.assertEqual(run.returncode, 1, run.stderr)
                report = json.loads(run.stdout)
                self.assertEqual((report["consistency"], report["surprises"]), ("violated", []))
                self.assertIn(expected, " ".join(report["violations"]))
                self.assertIn("this is a defect of troth", run.stderr)
                self.assertEqual(os.listdir(directory), [])

    def test_interrupted_it_reports_and_leaves_nothing_behind(self):
        for words in (["transfer", "--accounts", "100"], ["smallbank", "--customers", "100"]):
            with self.subTest(words=words), tempfile.TemporaryDirectory() as directory:
                command = [os.path.join(BIN, "troth"), "bench", *words, "--local", "--dir", directory, "--seconds", "600", "--warmup", "0s", "-o", "json"]
                run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.addCleanup(run.kill)
                # From the first moment on, also before there is anything to measure.
                while run.poll() is None and not os.listdir(directory):
                    os.sched_yield()
                run.send_signal(signal.SIGINT)
                out, err = run.communicate(timeout=60)
                self.assertEqual(os.listdir(directory), [], err)
                self.assertIn("interrupted while", err) if run.returncode else self.assertGreaterEqual(json.loads(out)["committed"], 0)

    def test_recovery_counts_records_and_time(self):
        run = bench("recovery", "--local", "--seconds", "300ms", "--warmup", "100ms", "--accounts", "1000", "--in-flight", "16")
        self.assertEqual(run.returncode, 0, run.stderr)
        for node in json.loads(run.stdout)["recovery"]:
            self.assertGreater(node["records"], 0)
            self.assertGreater(node["seconds"], 0)

    def test_running_cluster(self):
        cluster = Cluster()
        self.addCleanup(cluster.close)
        for name in cluster.participants:
            subprocess.run(["sqlite3", cluster.database(name), "CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
                            "INSERT INTO bench_accounts VALUES (1, 5), (2, 5)"], check=True)
        cluster.start()
        run = bench("transfer", "--seconds", "300ms", "--warmup", "100ms", "--accounts", "2", "--clients", "2", endpoint=cluster.coordinator.address)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertGreater(json.loads(run.stdout)["committed"], 0)
        run = bench("transfer", "--participants", "3", endpoint=cluster.coordinator.address)
        self.assertEqual(run.returncode, 1)
        self.assertIn("coordinator c1 has 2 participants, not 3", run.stderr)
        run = bench("transfer", endpoint=cluster.participants["p1"].address)
        self.assertIn("is a participant; name its coordinator", run.stderr)

    def test_a_table_that_is_not_there_is_named(self):
        cluster = Cluster().start()
        self.addCleanup(cluster.close)
        run = bench("transfer", endpoint=cluster.coordinator.address)
        self.assertEqual(run.returncode, 1)
        self.assertIn("bench_accounts", run.stderr)
        self.assertIn("troth help bench", run.stderr)


if __name__ == "__main__":
    unittest.main()

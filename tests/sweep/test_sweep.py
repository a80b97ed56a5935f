"""The sweep itself, in small: its checkers see what is wrong, and one scenario of each kind passes."""
import os
import shutil
import sqlite3
import tempfile
import unittest

import auditor
import disk
import faults
import scenario
from cluster import SweepCluster, Violation
from harness import BIN

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def setUpModule():
    disk.own_mounts()


class StraceRecords(unittest.TestCase):
    def test_calls_that_another_thread_interrupted(self):
        lines = ["11 fdatasync(8</x/log/1.log> <unfinished ...>", "12 pwrite64(6</x/db-wal>, \"a\", 24, 26783) = 24",
                 "12 pwrite64(6</x/log/1.log>, \"a\", 24, 0 <unfinished ...>",
                 "11 <... fdatasync resumed>)          = -1 EIO (Input/output error) (INJECTED)", "12 <... pwrite64 resumed>)           = 24",
                 "12 pwrite64(6</x/log/1.log>, \"a\", 24, 24)  = 24"]
        self.assertEqual(scenario.ended_calls(lines), [("pwrite64", "/x/db-wal", False, True), ("fdatasync", "/x/log/1.log", True, False),
                                                       ("pwrite64", "/x/log/1.log", False, True)])

    def test_a_failed_force_that_is_ignored(self):
        class Victim:
            name = "p1"

            @staticmethod
            def log_tail():
                return ""

        fault = ("fsync,fdatasync", "EIO")
        log, failed = "/x/log/1.log", ("fdatasync", "/x/log/1.log", True, False)
        self.assertTrue(scenario.check_error([failed], 74, fault, Victim))
        with self.assertRaisesRegex(Violation, "goes on"):
            scenario.check_error([failed, ("pwrite64", log, False, True)], 74, fault, Victim)
        with self.assertRaisesRegex(Violation, "left with 0"):
            scenario.check_error([failed], 0, fault, Victim)


class Scratch(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.mkdtemp(prefix="troth-slice-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.addCleanup(disk.unmount_below, self.scratch)

    def perform(self, phase, victim, what, hit):
        series = faults.Series(phase, victim, what)
        fired, violation = scenario.perform(series, hit, os.path.join(self.scratch, "run"), BIN, "127.0.1")
        self.assertIsNone(violation)
        self.assertTrue(fired, f"{series} was not reached")


class Slice(Scratch):
    def test_every_fail_point_belongs_to_a_daemon(self):
        points = faults.fail_points(ROOT)
        self.assertGreater(len(points), 40)
        self.assertIn(("c1", "wal.gc.before"), points)
        self.assertIn(("p1", "wal.gc.before"), points)
        self.assertNotIn(("c1", "sqlite.commit.after"), points)

    def test_a_kill(self):
        self.perform("kill", "c1", "coordinator.commit.durable", 5)

    def test_a_kill_during_recovery_after_every_first_crash(self):
        for victim, daemon in (("c1", "coordinator"), ("p1", "participant")):
            for number in range(1, len(faults.FIRST_CRASH[victim]) + 1):
                with self.subTest(victim=victim, number=number):
                    self.perform(f"recovery{number}-kill", victim, f"{daemon}.recovery.epoch_durable", 1)

    def needs_power_loss(self):
        reason = disk.why_no_power_loss(self.scratch)
        if reason:
            self.skipTest(reason)

    def test_a_power_loss(self):
        self.needs_power_loss()
        self.perform("power", "p1", "participant.committed.appended", 3)

    def test_a_device_that_refuses_blocks(self):
        self.needs_power_loss()
        if not os.path.isdir("/sys/fs/ext4"):
            self.skipTest("/sys is not mounted")
        for what in ("log", "database"):
            with self.subTest(what):
                self.perform("device", "p1", what, 6)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_a_failed_force(self):
        self.perform("error-run", "c1", "fsync,fdatasync:EIO", 2)


class Checkers(Scratch):
    """Each planted fault is seen, by the checker that is there for it."""

    def setUp(self):
        super().setUp()
        self.cluster = SweepCluster(os.path.join(self.scratch, "run"), BIN, "127.0.1")
        self.addCleanup(self.cluster.close)
        for daemon in self.cluster.daemons():
            daemon.start()
        run = scenario.Scenario(self.cluster, "c1")
        run.load()
        run.finish_clients()
        self.transactions = run.transactions()
        self.cluster.settle()
        self.cluster.stop_cleanly("before anything is planted")
        self.check()

    def check(self):
        auditor.check_files(self.cluster)
        auditor.check_effects(self.cluster, auditor.check_transactions(self.cluster, self.transactions), probes=0)
        auditor.check_logs(self.cluster)

    def expect(self, words):
        with self.assertRaisesRegex(Violation, words):
            self.check()

    def some(self, kind):
        return next(t for t in self.transactions if t.kind == kind and "p1" in t.writes)

    def test_what_the_checkers_see(self):
        everywhere, aborted, alone = self.some("three"), self.some("abort"), self.some("one")
        self.assertEqual(everywhere.told, {"COMMITTED"})
        self.assertEqual(aborted.told, {"ABORTED"})
        plant = (
            ("partly there", f"DELETE FROM did WHERE gid = '{everywhere.gid}'", "is in .* but not in"),
            ("acknowledged and lost", f"DELETE FROM did WHERE gid = '{alone.gid}'", "was told COMMITTED"),
            ("aborted and there", f"INSERT INTO did VALUES ('{aborted.gid}', '')", "was told .*ABORTED"),
            ("never asked for", "INSERT INTO did VALUES ('9-9', '')", "nobody asked"),
            ("applied twice", "UPDATE counter SET n = n + 1 WHERE client = 0", "effects"),
            ("money lost", "UPDATE a SET v = v - 1 WHERE id = 1", "sum up"))
        path = self.cluster.database("p1")
        shutil.copy(path, path + ".sound")
        for name, sql, words in plant:
            with self.subTest(name):
                database = sqlite3.connect(path)
                database.executescript(sql)
                database.close()
                self.expect(words)
                for behind in ("-wal", "-shm"):
                    if os.path.exists(path + behind):
                        os.remove(path + behind)
                shutil.copy(path + ".sound", path)
        self.check()


if __name__ == "__main__":
    unittest.main()

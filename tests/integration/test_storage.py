"""failures.md 15-17, 35-37, 44: crashes while a log rotates, is freed or a file is checkpointed; full and read-only disks."""
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from harness import Case, Cluster

SMALL = ("--segment-bytes", "64KiB")
COORDINATOR = ("--prepare-timeout", "2s", "--resend-interval", "50ms", *SMALL)
PARTICIPANT = ("--inquiry-interval", "50ms", "--lock-timeout", "1s", "--database-wal-bytes", "128KiB", *SMALL)
# A key makes the coordinator log aborts too, and a long comment fills a segment within few transactions.
BIG = "x" * 4000


class Small(Case):
    def small_cluster(self, **failpoints):
        return self.cluster(coordinator_flags=COORDINATOR, participant_flags=PARTICIPANT).start(**failpoints)

    def load(self, cluster, name, victim=None, limit=400):
        """Transfers with large rows until `victim` dies, or `limit` of them. Returns those told committed."""
        committed = []
        for start in range(0, limit, 20):
            batch = [{"comment": BIG[:200], "branches": [
                {"on": p, "statements": [
                    {"sql": "UPDATE a SET v = v + ?1 WHERE id = ?2", "params": [change, i % 2000 + 1]},
                    {"sql": "INSERT INTO did VALUES (?1)", "params": [f"{name}-{i}-{BIG}"]}]}
                for p, change in (("p1", -1), ("p2", 1))]} for i in range(start, start + 20)]
            reply = cluster.cli("submit", "-", "--batch", "-o", "jsonl", "--timeout", "4s", "--deadline", "2s", stdin=json.dumps(batch))
            for i, line in enumerate(reply.stdout.splitlines()):
                if '"COMMITTED"' in line:
                    committed.append(f"{name}-{start + i}-{BIG}")
            if victim is not None and not victim.running():
                break
        return committed

    def until(self, condition, what):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{what} did not happen")
            time.sleep(0.05)

    def crash_under_load(self, victim, point):
        cluster = self.small_cluster(**{victim: point})
        daemon = {d.name: d for d in cluster.daemons()}[victim]
        committed = self.load(cluster, "before", daemon)
        self.assertEqual(daemon.wait(), -signal.SIGKILL, f"{point} was not reached on {victim}")
        daemon.start()
        committed += self.load(cluster, "after", limit=40)
        self.assertGreater(len(committed), 40)
        self.audit(cluster, committed=committed)


class Storage(Small):
    def test_dies_while_a_segment_is_made_freed_or_the_file_checkpointed(self):
        for victim, point in (("c1", "wal.rotate.created=kill@2"), ("c1", "wal.rotate.synced=kill@2"), ("c1", "wal.gc.before=kill"), ("c1", "wal.gc.removed_one=kill"),
                              ("p1", "wal.rotate.created=kill@3"), ("p1", "wal.rotate.synced=kill@3"), ("p1", "wal.gc.before=kill"), ("p1", "wal.gc.removed_one=kill"),
                              ("p1", "sqlite.checkpoint.before=kill@2")):  # the first one is of the first start
            with self.subTest(victim=victim, point=point):
                self.crash_under_load(victim, point)

    def test_logs_stay_bounded(self):
        cluster = self.small_cluster()
        committed = self.load(cluster, "t", limit=600)
        self.assertEqual(len(committed), 600)
        for daemon in cluster.daemons():
            segments = lambda: [f for f in os.listdir(daemon.data) if f.endswith(".log")]
            self.until(lambda: len(segments()) <= 8, f"{daemon.name} freeing some of {len(segments())} segments")
        self.audit(cluster, committed=committed)


@unittest.skipUnless(os.geteuid() == 0, "mounting a small file system needs root")
class FullDisk(Small):
    def small_disk(self, path, size):
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", path], check=True))
        return path

    def cluster_with_disk(self, name, size, database=False):
        """A cluster in which the log (or the database) of `name` is on a small disk of its own."""
        cluster = Cluster(coordinator_flags=COORDINATOR, participant_flags=PARTICIPANT)
        disk = os.path.join(cluster.dir, "disk")
        self.addCleanup(cluster.close)
        self.small_disk(disk, size)  # unmounted before the directory is removed
        daemon = {d.name: d for d in cluster.daemons()}[name]
        if database:
            shutil.move(cluster.database(name), os.path.join(disk, "db"))
            os.symlink(os.path.join(disk, "db"), cluster.database(name))
        else:
            daemon.data = os.path.join(disk, "log")
            daemon.init()
        return cluster.start(), daemon, disk

    def fill(self, disk):
        with open(os.path.join(disk, "filler"), "ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"f" * 4096)
            except OSError:
                pass

    def refused_when_full(self, name, exit_code):
        cluster, daemon, disk = self.cluster_with_disk(name, "1m")
        self.fill(disk)
        # What is reserved is used up first; then new work is refused, by name, and nothing is half done.
        reply = None
        for i in range(200):
            reply = cluster.transfer(f"t{i}-{BIG}", "--timeout", "5s", "--comment", BIG)
            if reply.returncode != 0:
                break
            self.fill(disk)  # a checkpoint of the log may have freed some
        # A coordinator's log may live on in its own space: a checkpoint leaves next to nothing, and segments are used again.
        if name != "c1" or reply.returncode != 0:
            self.assertEqual(reply.returncode, exit_code, reply.stderr + reply.stdout)
            self.assertIn("space", reply.stderr + reply.stdout)
        self.assertTrue(daemon.running(), daemon.log_tail())
        os.remove(os.path.join(disk, "filler"))
        self.until(lambda: cluster.transfer("again-" + BIG).returncode == 0, "work going on after space was freed")
        # The history gives way to the log, and says so.
        self.audit(cluster, may_alarm=("the history of ended transactions does not keep up with them: some are forgotten",))

    def test_a_full_disk_under_the_participants_log_votes_no(self):
        self.refused_when_full("p1", 1)

    def test_a_full_disk_under_the_coordinators_log_refuses_new_work_or_lives_on(self):
        self.refused_when_full("c1", 5)

    def test_a_full_disk_under_the_database_after_the_decision(self):
        cluster, p1, disk = self.cluster_with_disk("p1", "2m", database=True)
        self.fill(disk)
        row = "INSERT INTO did VALUES (?1)"
        words = sum((["--on", n, row, "--param", "text:big" + "y" * 100_000] for n in ("p1", "p2")), [])
        reply = cluster.cli("submit", *words, "--timeout", "5s")
        self.until(lambda: reply.returncode != 0 or not p1.running(), "the agent noticing")
        if not p1.running():
            # Decided, and the file could not take it: the agent stops and says so, and tries again at each start.
            self.assertEqual(p1.wait(), 74)
            self.assertEqual(p1.start_expecting_exit(), 74)
            self.assertIn("full", p1.log_tail())
        os.remove(os.path.join(disk, "filler"))
        if not p1.running():
            p1.start()
        self.audit(cluster)
        if reply.returncode == 0:
            self.assertIn("big" + "y" * 100_000, cluster.gids("p1"))

    def test_a_read_only_directory_is_named_and_nothing_is_changed(self):
        cluster, p1, disk = self.cluster_with_disk("p1", "1m")
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        cluster.settle()
        p1.terminate()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        self.assertEqual(p1.start_expecting_exit(), 64)
        self.assertIn("Read-only", p1.log_tail())
        doctor = cluster.cli("doctor", "--data-dir", p1.data)
        self.assertEqual(doctor.returncode, 6, doctor.stdout)
        self.assertIn("Read-only file system", doctor.stdout)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        p1.start()
        self.audit(cluster, committed=["t1"])


if __name__ == "__main__":
    unittest.main()

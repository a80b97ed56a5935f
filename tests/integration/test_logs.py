"""failures.md 2.3 on real daemons: damaged, emptied, copied and swapped logs are refused with the documented exit codes."""
import glob
import os
import pathlib
import shutil
import time
import sqlite3
import subprocess
import unittest

from harness import BIN, Case


def segment(daemon):
    return sorted(glob.glob(os.path.join(daemon.data, "*.log")))[-1]


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([byte ^ 0xFF]))


class Logs(Case):
    def prepared_cluster(self):
        cluster = self.cluster().start()
        for i in range(5):
            self.assertEqual(cluster.transfer(f"t{i}").returncode, 0)
        cluster.settle()
        return cluster

    def stands_apart(self, cluster, daemon):
        """Its log is not the newest: it decides nothing (quarantine), or the others keep away from it."""
        apart = False
        deadline = time.monotonic() + 20
        while not apart and time.monotonic() < deadline:
            links = [link for link in cluster.status()["links"] if daemon is cluster.coordinator or link["peer"] == daemon.name]
            apart = cluster.status(daemon)["state"] == "quarantine" or all(
                not link["connected"] and "refused" in link["last_error"] for link in links)
            time.sleep(0.02)
        self.assertTrue(apart, daemon.log_tail())
        self.assertNotEqual(cluster.transfer("nobody").returncode, 0)
        self.assertEqual(cluster.gids("p1") & {"nobody"}, set())

    def test_a_flipped_bit_in_what_was_durable_refuses_to_start(self):
        cluster = self.prepared_cluster()
        for daemon in (cluster.coordinator, cluster.participants["p1"]):
            daemon.kill()
            flip(segment(daemon), 64 + 45)
            self.assertEqual(daemon.start_expecting_exit(), 70)
            self.assertIn("offset", daemon.log_tail())
            flip(segment(daemon), 64 + 45)
            daemon.start()
        self.audit(cluster, committed=["t0", "t4"])

    def test_garbage_behind_the_end_is_a_torn_tail(self):
        cluster = self.prepared_cluster()
        for daemon in (cluster.coordinator, cluster.participants["p1"]):
            daemon.kill()
            with open(segment(daemon), "r+b") as f:
                used = len(f.read().rstrip(b"\0"))
                f.seek((used + 15) // 8 * 8)
                f.write(b"half a batch that nobody was told about")
            daemon.start()
            self.assertIn("torn", daemon.log_tail())
        self.audit(cluster, committed=["t0", "t4"])

    def test_missing_segment_or_identity(self):
        cluster = self.prepared_cluster()
        coordinator = cluster.coordinator
        coordinator.kill()
        path = segment(coordinator)
        os.rename(path, path + ".away")
        self.assertEqual(coordinator.start_expecting_exit(), 70)
        os.rename(path + ".away", path)
        identity = os.path.join(coordinator.data, "identity")
        os.rename(identity, identity + ".away")
        self.assertEqual(coordinator.start_expecting_exit(), 64, "a daemon never creates a log where one is expected")
        os.rename(identity + ".away", identity)
        coordinator.start()
        self.audit(cluster, committed=["t0"])

    def test_emptied_coordinator_log_is_recognised_not_presumed_abort(self):
        cluster = self.cluster().start(c1="coordinator.commit.durable=kill")
        cluster.transfer("t1", "--timeout", "3s")
        coordinator = cluster.coordinator
        coordinator.wait()
        saved = coordinator.data + ".saved"
        os.rename(coordinator.data, saved)
        coordinator.init()
        coordinator.start()
        self.stands_apart(cluster, coordinator)
        coordinator.kill()
        self.assertEqual(cluster.status(cluster.participants["p1"])["in_doubt"], 1, "the in-doubt branch must not be aborted")
        shutil.rmtree(coordinator.data)
        os.rename(saved, coordinator.data)
        coordinator.start()
        self.audit(cluster, committed=["t1"])

    def test_older_log_put_back_is_recognised(self):
        cluster = self.prepared_cluster()
        for daemon in (cluster.coordinator, cluster.participants["p1"]):
            daemon.kill()
            with open(segment(daemon), "rb") as f:
                old = f.read()
            daemon.start()
            done = cluster.transfer("newer-" + daemon.name)
            self.assertEqual(done.returncode, 0, done.stderr)
            cluster.settle()
            daemon.kill()
            with open(segment(daemon), "rb") as f:
                new = f.read()
            with open(segment(daemon), "r+b") as f:
                f.write(old)
            if daemon is cluster.coordinator:
                daemon.start()
                self.stands_apart(cluster, daemon)
                daemon.kill()
            else:
                self.assertEqual(daemon.start_expecting_exit(), 70, "the database is newer than the log")
            with open(segment(daemon), "r+b") as f:
                f.write(new)
            daemon.start()
        self.audit(cluster, committed=["newer-c1", "newer-p1"])

    def test_without_its_newest_segment_a_log_is_refused(self):
        cluster = self.cluster(coordinator_flags=("--prepare-timeout", "2s", "--resend-interval", "50ms", "--segment-bytes", "64KiB")).start()
        for i in range(30):
            self.assertEqual(cluster.transfer(f"t{i}", "--comment", "c" * 4000).returncode, 0)
        cluster.settle()
        coordinator = cluster.coordinator
        self.assertEqual(coordinator.terminate(), 0)
        self.assertGreater(len(glob.glob(os.path.join(coordinator.data, "*.log"))), 1)
        newest = segment(coordinator)
        os.rename(newest, newest + ".away")
        self.assertEqual(coordinator.start_expecting_exit(), 70)
        self.assertIn("is missing", coordinator.log_tail())
        shutil.copy(newest + ".away", newest)
        self.assertEqual(coordinator.start_expecting_exit(), 75, "a copy of the newest segment was taken for the original")
        os.rename(newest + ".away", newest)
        coordinator.start()
        self.audit(cluster, committed=["t0", "t29"])

    def test_older_files_put_back_in_place_while_everybody_restarts(self):
        cluster = self.prepared_cluster()
        p1 = cluster.participants["p1"]
        files = lambda: [*glob.glob(os.path.join(p1.data, "*")), *glob.glob(cluster.database("p1") + "*")]

        def read():
            return {path: pathlib.Path(path).read_bytes() for path in files() if not path.endswith("LOCK")}

        def put_back(saved):  # into the files that are there, as a snapshot of the device does
            for path in files():
                if path.startswith(cluster.database("p1")) and path not in saved:
                    os.remove(path)
            for path, content in saved.items():
                with open(path, "r+b" if os.path.exists(path) else "wb") as f:
                    f.truncate(0)
                    f.write(content)

        p1.terminate()
        old = read()
        p1.start()
        for i in range(5):
            self.assertEqual(cluster.transfer(f"newer-{i}").returncode, 0)
        cluster.settle()
        for daemon in cluster.daemons():
            daemon.kill()
        new = read()
        put_back(old)
        for daemon in cluster.daemons():
            daemon.start()
        self.stands_apart(cluster, p1)
        p1.kill()
        put_back(new)
        p1.start()
        self.audit(cluster, committed=["t0", "newer-0", "newer-4"])

    def test_a_copied_directory_is_fenced_until_adopted(self):
        cluster = self.prepared_cluster()
        coordinator = cluster.coordinator
        coordinator.kill()
        shutil.copytree(coordinator.data, coordinator.data + ".copy")
        original, coordinator.data = coordinator.data, coordinator.data + ".copy"
        self.assertEqual(coordinator.start_expecting_exit(), 75)
        self.assertIn("adopt", coordinator.log_tail())
        coordinator.data = original
        coordinator.start()
        self.audit(cluster, committed=["t4"])

    def test_logs_and_files_of_others(self):
        cluster = self.prepared_cluster()
        p1, p2 = cluster.participants["p1"], cluster.participants["p2"]
        p1.kill()
        p2.kill()
        p1.data, p2.data = p2.data, p1.data
        self.assertIn(p1.start_expecting_exit(), (70, 75))
        p1.data, p2.data = p2.data, p1.data
        self.assertEqual(cluster.coordinator.running(), True)
        p1.start()
        p2.start()
        self.audit(cluster, committed=["t4"])

    def doctor(self, daemon, *words):
        reply = subprocess.run([os.path.join(BIN, "troth"), "doctor", "--data-dir", daemon.data, *words], capture_output=True, text=True, timeout=40)
        return reply.returncode, reply.stdout + reply.stderr

    def test_doctor_finds_what_the_start_finds(self):
        cluster = self.prepared_cluster()
        p1, coordinator = cluster.participants["p1"], cluster.coordinator
        database = cluster.database("p1")
        self.assertIn("a daemon owns it", self.doctor(p1)[1])
        p1.kill()
        coordinator.kill()
        for daemon in (p1, coordinator):
            code, text = self.doctor(daemon)
            self.assertEqual(code, 0, text)
        self.assertIn(f"its database {database} belongs to it", self.doctor(p1)[1])

        def refused(daemon, sentence, *codes):
            """The daemon and doctor agree, before and after the start was tried."""
            before = self.doctor(daemon)
            self.assertIn(daemon.start_expecting_exit(), codes)
            for code, text in (before, self.doctor(daemon)):
                self.assertEqual(code, 6, text)
                self.assertIn(sentence, text)
            self.assertIn(sentence, daemon.log_tail())

        def moved(path, act):
            os.rename(path, path + ".away")
            act()
            if os.path.exists(path):
                os.remove(path)
            os.rename(path + ".away", path)

        moved(database, lambda: refused(p1, "does not exist", 64))
        other = sqlite3.connect(database + ".new")
        other.execute("CREATE TABLE a(id INTEGER PRIMARY KEY)")
        other.close()
        for end in ("-wal", "-shm"):
            os.rename(database + end, database + end + ".kept")

        def another_file():
            shutil.copy(database + ".new", database)
            refused(p1, "another file was put in its place", 70)
        moved(database, another_file)
        for end in ("-wal", "-shm"):
            if os.path.exists(database + end):
                os.remove(database + end)
            os.rename(database + end + ".kept", database + end)
        moved(segment(p1), lambda: refused(p1, "segment", 70))
        for daemon in (p1, coordinator):
            original, daemon.data = daemon.data, daemon.data + ".copy"
            shutil.copytree(original, daemon.data)
            refused(daemon, "is a copy or was restored", 75)
            daemon.data = original
        p1.start()
        coordinator.start()
        self.audit(cluster, committed=["t4"])

    def test_fsync_error_stops_with_74_and_recovers(self):
        for name, point in (("c1", "wal.sync.before=error@2"), ("p1", "wal.sync.before=error@3"), ("p1", "sqlite.commit.before=error"), ("p1", "sqlite.commit.after=error")):
            with self.subTest(point=point):
                cluster = self.cluster().start(**{name: point})
                daemon = {d.name: d for d in cluster.daemons()}[name]
                reply = cluster.transfer("t1", "--deadline", "1s", "--timeout", "3s")
                self.assertEqual(daemon.wait(), 74)
                daemon.start()
                cluster.settle()
                if reply.returncode == 0:
                    self.assertIn("t1", cluster.gids("p1"))
                self.audit(cluster)


if __name__ == "__main__":
    unittest.main()

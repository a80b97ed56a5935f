"""failures.md 2.3 on real daemons: damaged, emptied, copied and swapped logs are refused with the documented exit codes."""
import glob
import os
import shutil
import unittest

from harness import Case


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
        self.assertEqual(coordinator.start_expecting_exit(), 70)
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
            self.assertEqual(cluster.transfer("newer-" + daemon.name).returncode, 0)
            cluster.settle()
            daemon.kill()
            with open(segment(daemon), "rb") as f:
                new = f.read()
            with open(segment(daemon), "r+b") as f:
                f.write(old)
            self.assertEqual(daemon.start_expecting_exit(), 70)
            with open(segment(daemon), "r+b") as f:
                f.write(new)
            daemon.start()
        self.audit(cluster, committed=["newer-c1", "newer-p1"])

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

"""The HTTP port of live daemons: health, metrics that lint, views that are the command line's, alerts and dashboard that refer to what exists."""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from harness import BIN, Case, Cluster

ROOT = pathlib.Path(__file__).resolve().parents[2]
HTTP = ("--http", "127.0.0.1:0")


def get(address, path):
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def readable(connection):
    """Whether the other side has answered or closed."""
    return bool(select.select([connection], [], [], 0)[0])


def lint(text):
    """What promtool checks that could go wrong here, for machines without it."""
    problems, helped, typed, seen = [], {}, {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            helped[name] = len(line.split(" ", 3)) == 4
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in typed:
                problems.append(f"{name} has two TYPE lines")
            typed[name] = kind
            if (kind == "counter") != name.endswith("_total"):
                problems.append(f"{name}: a {kind} with such a name")
            if re.search(r"(milli|micro|nano)seconds|_ms$|_(kilo|mega)bytes", name):
                problems.append(f"{name}: not in base units")
        elif line:
            sample = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line)
            if not sample:
                problems.append(f"not a sample: {line}")
                continue
            float(sample[3])
            if line.rsplit(" ", 1)[0] in seen:
                problems.append(f"twice: {line}")
            seen.add(line.rsplit(" ", 1)[0])
            family = sample[1]
            if family not in typed:
                family = re.sub(r"_(bucket|sum|count)$", "", family)
            if typed.get(family) is None or not helped.get(family):
                problems.append(f"{sample[1]} has no TYPE or HELP")
    return problems


def families(text):
    return set(re.findall(r"^# TYPE (\S+)", text, re.M))


def referred(expression):
    """Families that a PromQL expression names."""
    names = re.findall(r"\b(?:troth|process)_[a-z_]+", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) if "_seconds_" in name or "_records_" in name else name for name in names}


class Http(Case):
    def http_cluster(self, **failpoints):
        cluster = self.cluster(coordinator_flags=("--prepare-timeout", "2s", "--resend-interval", "50ms", *HTTP))
        for daemon in cluster.participants.values():
            base = daemon.arguments
            daemon.arguments = lambda base=base: [*base(), *HTTP]
        return cluster.start(**failpoints)

    def test_who_waits_is_in_the_view_of_the_coordinator(self):
        cluster = self.http_cluster()
        holder = cluster.cli("txn", "begin").stdout.split()[0]
        self.assertEqual(cluster.cli("sql", "--txn", holder, "p1", "UPDATE a SET v = v + 1 WHERE id = 7").returncode, 0)
        waiter = cluster.transfer_in_background("t1", row=7)
        view = {}
        while not view.get("blocked") and waiter.poll() is None:
            view = json.loads(get(cluster.coordinator.http, f"/api/v1/transactions/{holder}")[2])
        self.assertEqual([(row["participant"], row["resource"]) for row in view["blocked"]], [("p1", "a row of a (7)")])
        waiter.communicate(timeout=20)
        over = json.loads(get(cluster.coordinator.http, f"/api/v1/transactions/{holder}")[2])
        self.assertEqual((over["gave_up"], over["blocked_total"]), (1, 0))
        self.assertEqual(json.loads(cluster.cli("txn", "show", holder, "-o", "json").stdout).keys(), over.keys())
        self.assertEqual(cluster.cli("txn", "rollback", holder).returncode, 0)

    def test_health_and_views(self):
        cluster = self.http_cluster()
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        cluster.settle()
        for daemon in cluster.daemons():
            self.assertEqual(get(daemon.http, "/healthz")[0], 200)
            self.assertEqual(get(daemon.http, "/readyz")[2], "ready\n")
            code, headers, body = get(daemon.http, "/api/v1/status")
            shown, api = cluster.status(daemon), json.loads(body)
            self.assertEqual(code, 200)
            self.assertEqual(list(api), list(shown))
            for key in ("schema", "name", "role", "state", "version", "log_id", "alarms"):
                self.assertEqual(api[key], shown[key])
            self.assertRegex(api["version"], r"^\d+\.\d+")
            self.assertTrue(all(link["rtt_us"] >= 0 for link in api["links"] if link["connected"]), api["links"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(get(daemon.http, "/nowhere")[0], 404)
            self.assertIn("/api/v1/status", get(daemon.http, "/")[2])
        c1 = cluster.coordinator
        listed = json.loads(get(c1.http, "/api/v1/transactions?filter=recent")[2])
        printed = json.loads(cluster.cli("txn", "list", "--recent", "-o", "json").stdout)
        self.assertEqual([t["txn_id"] for t in listed["transactions"]], [t["txn_id"] for t in printed["transactions"]])
        gtid = printed["transactions"][0]["txn_id"]
        one, same = json.loads(get(c1.http, f"/api/v1/transactions/{gtid}")[2]), json.loads(cluster.cli("txn", "show", gtid, "-o", "json").stdout)
        for body in (one, same):
            body.pop("age_ms")
        self.assertEqual(one, same)
        for method in ("POST", "PUT", "DELETE"):
            request = urllib.request.Request(f"http://{c1.http}/api/v1/transactions/{gtid}", method=method, data=b"{}")
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=10)
            self.assertIn(refused.exception.code, (403, 405))
            refused.exception.close()
        self.audit(cluster, committed=["t1"])

    def test_readyz_says_draining(self):
        cluster = self.http_cluster(p1="participant.prepare.received=sleep:1500")
        running = cluster.transfer_in_background("t1")
        while cluster.status()["counters"].get("live", 0) == 0:
            self.assertIsNone(running.poll())
        cluster.coordinator.process.send_signal(signal.SIGTERM)
        seen = set()
        while cluster.coordinator.running():
            try:
                code, _, body = get(cluster.coordinator.http, "/readyz")
                seen.add((code, body))
            except OSError:
                break
        cluster.coordinator.wait()
        running.communicate(timeout=20)
        self.assertIn((503, "draining\n"), seen)
        cluster.coordinator.start()
        self.audit(cluster)

    def test_silent_connections_keep_nobody_out(self):
        host, port = self.http_cluster().coordinator.http.split(":")

        def answered_before_they_are_cut_off():
            silent = [socket.create_connection((host, int(port))) for _ in range(16)]
            try:
                for half in silent:
                    half.sendall(b"GET /healthz HTT")
                self.assertEqual(get(f"{host}:{port}", "/healthz")[0], 200)
                return not any(readable(half) for half in silent)
            finally:
                for half in silent:
                    half.close()
        # Once is enough: a machine that stalls for longer than a silence may last proves nothing.
        self.assertTrue(any(answered_before_they_are_cut_off() for _ in range(5)))

    def test_a_port_that_is_taken_is_said(self):
        cluster = self.http_cluster()
        taken = cluster.coordinator.http
        cluster.coordinator.terminate()
        p1 = cluster.participants["p1"]
        command = [os.path.join(BIN, "troth-coordinator"), "--data-dir", cluster.coordinator.data, "--listen", "127.0.0.1:0", "--http", p1.http]
        reply = subprocess.run(command, capture_output=True, text=True, timeout=20)
        self.assertEqual(reply.returncode, 69, reply.stderr)
        self.assertIn(p1.http, reply.stderr)
        self.assertNotEqual(taken, p1.http)
        cluster.coordinator.start()
        self.audit(cluster)

    def lint_all(self, texts):
        for text in texts:
            self.assertEqual(lint(text), [])
            if shutil.which("promtool"):
                reply = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
                self.assertEqual((reply.returncode, reply.stdout), (0, ""), reply.stderr)

    def test_metrics_rules_and_dashboard(self):
        cluster = self.http_cluster()
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        self.assertEqual(cluster.transfer("t2", amount=5000).returncode, 1)  # CHECK(v >= 0) fails
        self.assertEqual(cluster.transfer("one", amount=0, names=("p1",)).returncode, 0)
        cluster.cli("txn", "retry", "--all")
        cluster.settle()
        texts = [get(d.http, "/metrics")[2] for d in cluster.daemons()]
        self.lint_all(texts)
        c1 = texts[-1]
        for line in ('troth_transactions_total{protocol="2pc",outcome="committed"} 1', 'troth_transactions_total{protocol="2pc",outcome="aborted"} 1',
                     'troth_transactions_total{protocol="1pc",outcome="committed"} 1', 'troth_participant_up{participant="p2"} 1',
                     'troth_oldest_in_doubt_age_seconds 0', 'troth_transaction_aborts_total{reason="constraint"} 1',
                     'troth_operator_actions_total{action="retry",result="ok"} 1', 'troth_phase_duration_seconds_count{phase="commit"} 1'):
            self.assertIn(line + "\n", c1)
        self.assertIn('troth_phase_duration_seconds_count{phase="queue"} 3\n', c1)
        for phase in ("prepare", "log_decision", "commit"):
            self.assertIn(f'troth_phase_duration_seconds_count{{phase="{phase}"}} 1', c1)
        self.assertIn('troth_agent_prepared_branches{database="p1"} 0', texts[0])
        self.check_monitoring(set().union(*map(families, texts)))
        self.cluster_metrics_with_a_dead_participant(cluster)
        cluster.participants["p2"].start()
        # p2's gids are not those of p1: "one" touched p1 alone.
        cluster.settle()

    def cluster_metrics_with_a_dead_participant(self, cluster):
        cluster.participants["p2"].kill()
        deadline = time.monotonic() + 10
        while 'troth_participant_up{participant="p2"} 0' not in get(cluster.coordinator.http, "/metrics")[2]:
            self.assertLess(time.monotonic(), deadline, "the dead participant is still up in /metrics")
        self.assertIn('troth_participant_up{participant="p1"} 1', get(cluster.coordinator.http, "/metrics")[2])

    def check_monitoring(self, exist):
        documented = set(re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/reference/metrics.md").read_text(), re.M))
        # Present only after an event that this test does not stage.
        rare = {"troth_aborts_forgotten_total", "troth_rejected_total", "troth_unconfirmed_transactions", "troth_peer_refused_total", "troth_amnesia_alarms_total", "troth_findings", "troth_peer_lost_memory", "troth_certificate_not_after_seconds",
                *(f"troth_agent_peer_{name}" for name in ("up", "rtt_seconds", "messages_sent_total", "messages_dropped_total", "queued_messages"))}
        self.assertLessEqual(exist, documented)
        self.assertLessEqual(documented - exist, rare, "documented metrics that no live daemon shows")
        rules = (ROOT / "monitoring/prometheus/rules.yml").read_text()
        for expression in re.findall(r"^\s+expr: (.*)$", rules, re.M):
            self.assertLessEqual(referred(expression), documented, expression)
        for page in re.findall(r"runbook: (docs/runbooks/[^{\s]+)$", rules, re.M):
            self.assertTrue((ROOT / page).exists(), page)
        self.assertEqual(len(re.findall("- alert:", rules)), len(re.findall("runbook:", rules)))
        dashboard = json.loads((ROOT / "monitoring/grafana/troth.json").read_text())
        targets = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
        self.assertGreater(len(targets), 15)
        for expression in targets:
            names = referred(expression)
            self.assertTrue(names, expression)
            self.assertLessEqual(names, documented, expression)
        if shutil.which("promtool"):
            for words in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
                reply = subprocess.run(["promtool", *words], cwd=ROOT / "monitoring/prometheus", capture_output=True, text=True, timeout=60)
                self.assertEqual(reply.returncode, 0, reply.stdout + reply.stderr)

    def test_a_participant_is_not_counted_as_a_coordinator(self):
        cluster = self.http_cluster()
        p1, p2 = cluster.participants.values()
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        p2.process.send_signal(signal.SIGSTOP)
        transfer = cluster.transfer_in_background("t2", "--deadline", "30s")
        while cluster.status(p1)["in_doubt"] != 1:
            time.sleep(0.02)
        cluster.coordinator.kill()  # p1 asks the other member
        p2.process.send_signal(signal.SIGCONT)
        transfer.communicate(timeout=30)
        deadline = time.monotonic() + 10
        while 'troth_agent_peer_up{peer="p2"} 1' not in (text := get(p1.http, "/metrics")[2]):
            self.assertLess(time.monotonic(), deadline, text)
            time.sleep(0.02)
        self.assertIn('troth_agent_coordinator_up{coordinator="c1"} 0', text)
        self.assertNotIn('coordinator="p2"', text)

    def test_settings_are_judged_before_anything_is_opened(self):
        cluster = self.cluster()
        for daemon in (cluster.coordinator, cluster.participants["p1"]):
            path = os.path.join(BIN, daemon.program)
            own = ["--participant", "p1=127.0.0.1:1"] if daemon is cluster.coordinator else ["--database", cluster.database("p1")]

            def check(*words, **variables):
                command = [path, "--listen", "127.0.0.1:0", *words, "--check-config"]
                return subprocess.run(command, capture_output=True, text=True, timeout=20, env=dict(os.environ, **variables))

            with self.subTest(program=daemon.program):
                words = ["--data-dir", daemon.data, *own]
                open_token = os.path.join(cluster.dir, "open-token")
                with open(open_token, "w") as file:
                    file.write("0123456789abcdef0123\n")
                os.chmod(open_token, 0o644)
                good = check(*words)
                self.assertEqual((good.returncode, good.stdout), (0, "the settings are good\n"), good.stderr)
                for wrong, name, variables in (
                    (words, "TROTH_LOG_LEVEL", {"TROTH_LOG_LEVEL": "loud"}),
                    (["--data-dir", "/nonexistent", *own], "/nonexistent holds no log", {}),
                    ([*words, "--trace-file", "/nonexistent/spans"], "trace-file /nonexistent/spans", {}),
                    ([*words, "--http-token-file", "/nonexistent"], "http-token-file /nonexistent", {}),
                    ([*words, "--advertise", "0.0.0.0:7000"], "advertise 0.0.0.0:7000 is no address", {}),
                    ([*words, "--http", "127.0.0.1:1:2"], 'address "127.0.0.1:1:2" must be HOST:PORT', {}),
                    ([*words, "--http-token-file", open_token], "is open to every user of this machine", {}),
                ):
                    bad = check(*wrong, **variables)
                    self.assertEqual(bad.returncode, 64, bad.stderr)
                    self.assertIn(name, bad.stderr)
        p1 = cluster.participants["p1"]
        database = cluster.database("p1")
        for wrong, sentence in (("--foreign-keys=true", '"true" is neither on nor off'), ("--extension=/nonexistent.so", "cannot load the extension /nonexistent.so")):
            command = [os.path.join(BIN, p1.program), "--data-dir", p1.data, "--database", database, wrong, "--check-config"]
            bad = subprocess.run(command, capture_output=True, text=True, timeout=20)
            self.assertEqual(bad.returncode, 64, bad.stderr)
            self.assertIn(sentence, bad.stderr)
        path = os.path.join(BIN, p1.program)
        reply = subprocess.run([path, "--data-dir", p1.data, "--database", "/nonexistent.db", "--check-config"], capture_output=True, text=True, timeout=20)
        self.assertEqual(reply.returncode, 64)
        self.assertIn("database /nonexistent.db", reply.stderr)
        reply = subprocess.run([path, "--data-dir", p1.data, "--database", database, "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=20)
        self.assertEqual(reply.returncode, 64, "nobody was told where to reach it")
        self.assertIn("set advertise", reply.stderr)

    def test_sighup_reloads_what_can_change(self):
        cluster = self.cluster()
        c1 = cluster.coordinator
        config = pathlib.Path(cluster.dir) / "c1.conf"
        config.write_text("log-level = warn\nmax-in-flight = 5\n")
        base = c1.arguments
        c1.arguments = lambda: [*base(), "--config", str(config)]
        cluster.start()
        self.assertEqual(c1.log_tail(), "")
        config.write_text("log-level = info\nmax-in-flight = 0\nsegment-bytes = 1MiB\n")
        self.hang_up(c1, "reloaded")
        self.assertIn("setting needs a restart", c1.log_tail())
        self.assertIn("segment-bytes", c1.log_tail())
        refused = cluster.transfer("t1")
        self.assertEqual(refused.returncode, 5, refused.stderr)
        config.write_text("max-in-flight = 10\nnonsense = 1\n")
        self.hang_up(c1, "reload refused, nothing changed")
        self.assertIn("c1.conf:2", c1.log_tail())
        self.assertEqual(cluster.transfer("t1").returncode, 5)
        config.write_text("max-in-flight = 10\nlog-level = info\n")
        self.hang_up(c1, 'setting=max-in-flight')
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        self.audit(cluster, committed=["t1"])

    def test_sighup_follows_a_participant_that_moved_and_takes_a_new_one(self):
        cluster = self.cluster(participants=3)
        p1, p2, p3 = cluster.participants.values()
        config = pathlib.Path(cluster.dir) / "c1.conf"
        cluster.coordinator.arguments = lambda: ["--config", str(config), "--resend-interval", "50ms"]
        for daemon in (p1, p2):
            daemon.start()
        config.write_text(f"participant = p1={p1.address}\nparticipant = p2={p2.address}\n")
        cluster.coordinator.start()
        self.assertEqual(cluster.transfer("t1").returncode, 0)
        before = p2.address
        p2.kill()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", int(before.rsplit(":", 1)[1])))  # it cannot come back there
            p2.address = None
            p2.start()
            p3.start()
            self.assertNotEqual(p2.address, before)
            unknown = cluster.cli("submit", "--on", "p3", "SELECT 1")
            self.assertEqual(unknown.returncode, 4, unknown.stderr)
            config.write_text(f"participant = p1={p1.address}\nparticipant = p2={p2.address}\nparticipant = p3={p3.address}\n")
            self.hang_up(cluster.coordinator, "msg=reloaded")
            deadline = time.monotonic() + 15
            while not all(link["connected"] for link in cluster.status()["links"]):
                self.assertLess(time.monotonic(), deadline, cluster.status()["links"])
            self.assertEqual(len(cluster.status()["links"]), 3)
            self.assertEqual(cluster.transfer("t2", names=("p1", "p2", "p3"), amount=0).returncode, 0)
            config.write_text(f"participant = p1={p1.address}\nparticipant = p2=nonsense\n")
            self.hang_up(cluster.coordinator, "reload refused, nothing changed")
            config.write_text(f"participant = p1={p1.address}\nparticipant = p2={p2.address}\n")
            self.hang_up(cluster.coordinator, "msg=reloaded")
            self.assertEqual(len(cluster.status()["links"]), 3)  # it may hold what was decided here
            self.assertEqual(cluster.transfer("t3", names=("p1", "p3")).returncode, 0)


if __name__ == "__main__":
    unittest.main()

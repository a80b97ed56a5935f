"""Time from the death of the coordinator to the last freed lock; see tests/termination.sh."""
import argparse
import http.client
import json
import signal
import statistics
import sys
import time

from harness import Cluster


def in_doubt(connections):
    total = 0
    for connection in connections:
        connection.request("GET", "/api/v1/status")
        total += json.loads(connection.getresponse().read())["in_doubt"]
    return total


def measure(protocol, timeout_ms, runs):
    timeout = f"{timeout_ms}ms"
    cluster = Cluster(2, coordinator_flags=("--prepare-timeout", "10s", "--suspicion-timeout", timeout),
                      participant_flags=("--inquiry-interval", "50ms", "--suspicion-timeout", timeout, "--http", "127.0.0.1:0"))
    times, blocked = [], 0
    try:
        for daemon in cluster.participants.values():
            daemon.start()
        for run in range(runs):
            # Half of the runs lose it before its PRECOMMIT could leave, half after a majority holds it.
            point = "coordinator.votes.all_in" if protocol == "two_phase" or run % 2 else "coordinator.precommit.majority"
            cluster.coordinator.start(point + "=kill")
            client = cluster.transfer_in_background(f"t{run}", "--protocol", protocol, "--timeout", "2s", row=run % 2000 + 1)
            if cluster.coordinator.wait(60) != -signal.SIGKILL:
                raise AssertionError("the coordinator did not reach its fail point")
            killed = time.monotonic()
            connections = [http.client.HTTPConnection(d.http, timeout=20) for d in cluster.participants.values()]
            limit = killed + 10 * timeout_ms / 1000 + 5
            if protocol == "two_phase":
                limit = killed + 10 * timeout_ms / 1000
            while (open_branches := in_doubt(connections)) > 0 and time.monotonic() < limit:
                time.sleep(0.001)
            if open_branches:
                blocked += 1
            else:
                times.append((time.monotonic() - killed) * 1000)
            client.communicate()
        cluster.coordinator.start()
        cluster.settle(30)
        if cluster.gids("p1") != cluster.gids("p2"):
            raise AssertionError("a transaction is in one file and not in the other")
    finally:
        cluster.close()
    times.sort()
    p50 = f"{statistics.median(times):.0f}" if times else "-"
    p99 = f"{times[min(len(times) - 1, int(len(times) * 0.99))]:.0f}" if times else "-"
    print(f"TERMINATION protocol={protocol} timeout_ms={timeout_ms} p50_ms={p50} p99_ms={p99} blocked={blocked}", flush=True)
    return protocol == "two_phase" or blocked == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--protocol", choices=("two_phase", "three_phase"))
    parser.add_argument("--timeout-ms", type=int)
    asked = parser.parse_args()
    plan = [("three_phase", 1000), ("three_phase", 200), ("two_phase", 200)]
    if asked.protocol or asked.timeout_ms:
        plan = [(asked.protocol or "three_phase", asked.timeout_ms or 1000)]
    good = [measure(protocol, timeout_ms, asked.runs) for protocol, timeout_ms in plan]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()

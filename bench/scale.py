"""How memory and time grow: participants of one coordinator, idle clients, records in the logs, transactions in flight.

  python3 bench/scale.py --bin DIR [--quick] [--records 10000000]

Prints one line of JSON a measurement. Every daemon is a process of its own on loopback, in a temporary directory.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile


def say(kind, **facts):
    print(json.dumps({"scale": kind, **facts}), flush=True)


def bench(options, *words, workload="transfer"):
    command = [os.path.join(options.bin, "troth"), "-o", "json", "bench", workload, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def by_participants(options):
    for participants in (2, 10, 40) if options.quick else (2, 10, 30, 100):
        result = bench(options, "--local", "--participants", participants, "--accounts", 1000, "--clients", 16, "--seconds", options.seconds)
        nodes = result["nodes"]
        say("participants", participants=participants, txn_per_s=round(result["txn_per_s"], 1), p50_ms=round(result["latency_us"]["p50"] / 1000, 1),
            aborted_for_conflicts=result["conflicts"], coordinator_mib=nodes[0]["resident_peak_bytes"] >> 20,
            coordinator_cpu_us_per_branch=round(nodes[0]["cpu_us_per_txn"] / participants, 1),
            participant_mib=max(n["resident_peak_bytes"] for n in nodes[1:]) >> 20,
            participant_cpu_us_per_branch=round(sum(n["cpu_us_per_txn"] for n in nodes[1:]) / participants, 1))


def by_in_flight(options):
    for in_flight in (100, 1000, 10000):
        result = bench(options, "--local", "--in-flight", in_flight, "--seconds", options.seconds, "--warmup", 2)
        nodes = result["nodes"]
        say("in_flight", in_flight=in_flight, txn_per_s=round(result["txn_per_s"], 1), cpu_us_per_txn=round(sum(n["cpu_us_per_txn"] for n in nodes), 1),
            messages_per_txn=round(nodes[0]["messages_sent_per_txn"], 2),
            **{n["name"] + "_bytes_each": (n["resident_peak_bytes"] - n["resident_before_bytes"]) // in_flight for n in nodes})


def start(options, directory, name, program, *words):
    data = os.path.join(directory, name)
    subprocess.run([os.path.join(options.bin, program), "init", "--data-dir", data, "--name", name], check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen([os.path.join(options.bin, program), "--data-dir", data, "--listen", "127.0.0.1:0", "--log-level", "error", *words],
                               stdout=subprocess.PIPE)
    return process, json.loads(process.stdout.readline())["thrift"]


def resident(process):
    with open(f"/proc/{process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def by_idle_clients(options):
    directory = tempfile.mkdtemp(prefix="troth-scale-")
    started, idle = [], []
    try:
        flags = []
        for name in ("p1", "p2"):
            database = os.path.join(directory, name + ".db")
            subprocess.run(["sqlite3", database, "CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
                            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) "
                            "INSERT INTO bench_accounts SELECT i, 1000 FROM n"], check=True)
            process, address = start(options, directory, name, "troth-participant", "--database", database)
            started.append(process)
            flags += ["--participant", f"{name}={address}"]
        coordinator, address = start(options, directory, "c1", "troth-coordinator", *flags)
        started.append(coordinator)
        host, port = address.rsplit(":", 1)
        for clients in (0, 100, 1000):
            while len(idle) < clients:
                idle.append(socket.create_connection((host, int(port))))
            options_endpoint = [os.path.join(options.bin, "troth"), "-e", address, "-o", "json", "bench", "transfer", "--clients", "16", "--seconds",
                                str(options.seconds)]
            done = subprocess.run(options_endpoint, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip())
            result = json.loads(done.stdout)
            say("idle_clients", idle=clients, txn_per_s=round(result["txn_per_s"], 1), p50_ms=round(result["latency_us"]["p50"] / 1000, 1),
                coordinator_mib=round(resident(coordinator) / 2**20, 1))
    finally:
        for connection in idle:
            connection.close()
        for process in reversed(started):
            process.terminate()
            process.wait(30)
            process.stdout.close()
        shutil.rmtree(directory, ignore_errors=True)


def by_records(options):
    """Runs until the logs hold that many records each, kills every daemon and starts them again."""
    for share in (0.01, 0.1, 1):
        # Longer than the last rate says: with larger logs it may be lower.
        seconds = max(1.0, 1.2 * options.records * share / 2 / options.rate)
        result = bench(options, "--local", "--in-flight", 512, "--segment-bytes", "1GiB" if share == 1 else "256MiB", "--seconds", f"{int(seconds * 1000)}ms",
                       workload="recovery")
        for node in result["recovery"]:
            say("recovery", node=node["name"], records=node["records"], seconds=node["seconds"], per_million=round(node["seconds"] / node["records"] * 1e6, 2),
                resident_mib=node["resident_bytes"] >> 20)
        options.rate = max(result["txn_per_s"], 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--records", type=int, default=0, help="default 10 million, 200,000 with --quick")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.records = options.records or (200_000 if options.quick else 10_000_000)
    options.seconds, options.rate = (3 if options.quick else 10), 5000
    for function in (by_in_flight, by_participants, by_idle_clients, by_records):
        if options.only in function.__name__:
            function(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs every measurement in rounds, so that a noisy minute meets all of them, and prints the ratios of their medians."""
import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import servers


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.seconds = 1.5 if options.quick else 4
        self.results = {}

    def call(self, command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def troth(self, *words, workload="transfer", seconds=None, warmup=0.5):
        return self.call([os.path.join(self.options.bin, "troth"), "-o", "json", "bench", workload, "--local", "--dir", self.directory,
                          "--accounts", str(servers.ACCOUNTS), "--seconds", f"{int(1000 * (seconds or self.seconds))}ms",
                          "--warmup", f"{int(1000 * warmup)}ms", *map(str, words)])

    def peer(self, *words):
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            return self.call([os.path.join(self.options.bin, "troth-peers"), *map(str, words), "--dir", directory, "--seconds", str(self.seconds),
                              "--warmup", "0.5", "--accounts", str(servers.ACCOUNTS)])

    def measure(self, name, function):
        if self.options.only and self.options.only not in name:
            return
        result = function()
        self.results.setdefault(name, []).append(result)
        rate = result.get("txn_per_s")
        say(f"  {name:24} " + (f"{rate:10.0f} /s  p50 {p50(result):8.0f} us" if rate is not None else json.dumps(result)))

    def round(self, postgres, mariadb):
        pg, my = [w for p in postgres for w in ("--at", p)], [w for p in mariadb for w in ("--at", p)]
        self.measure("fdatasync", lambda: self.peer("fdatasync"))
        self.measure("client1", lambda: self.troth("--clients", 1))
        self.measure("postgres_1", lambda: self.peer("postgres", *pg, "--clients", 1))
        self.measure("mariadb_1", lambda: self.peer("mariadb", *my, "--clients", 1))
        self.measure("attach_1", lambda: self.peer("attach", "--clients", 1))
        self.measure("clients64", lambda: self.troth("--clients", 64))
        self.measure("postgres_64", lambda: self.peer("postgres", *pg, "--clients", 64))
        self.measure("mariadb_64", lambda: self.peer("mariadb", *my, "--clients", 64))
        self.measure("attach_64", lambda: self.peer("attach", "--clients", 64))
        self.measure("participants4_64", lambda: self.troth("--clients", 64, "--participants", 4))
        self.measure("abort50_64", lambda: self.troth("--clients", 64, "--abort-percent", 50))
        self.measure("hot10_64", lambda: self.troth("--clients", 64, "--hot", 10))
        self.measure("inflight512", lambda: self.troth("--in-flight", 512))
        self.measure("inflight2000", lambda: self.troth("--in-flight", 2000))
        # So many at once take seconds to come back: a short window would only see the first of them.
        self.measure("inflight10000", lambda: self.troth("--in-flight", 10000, seconds=max(3, self.seconds), warmup=2))
        self.measure("sqlite_updates", lambda: self.peer("updates"))
        self.measure("thrift_echo_64", lambda: self.peer("echo", "--clients", 64))

    def recovery(self):
        self.measure("recovery", lambda: self.troth("--in-flight", 512, "--segment-bytes", "256MiB", workload="recovery",
                                                    seconds=20 if self.options.quick else 60))

    def median(self, name, figure):
        return statistics.median(figure(r) for r in self.results[name])


def rate(result):
    return result["txn_per_s"]


def p50(result):
    return result["latency_us"]["p50"] if "latency_us" in result else result["p50_us"]


def daemon_cpu(result):
    return sum(node["cpu_us_per_txn"] for node in result["nodes"])


def fsyncs(result):
    return max(node["fsyncs_per_txn"] for node in result["nodes"])


def bytes_in_flight(result):
    coordinator = result["nodes"][0]
    return (coordinator["resident_peak_bytes"] - coordinator["resident_before_bytes"]) / result["in_flight"]


def recovery_seconds(result):
    return max(node["seconds"] / node["records"] * 1e6 for node in result["recovery"])


def ratios(bench):
    """Name, value, and the target: at least (>=) or at most (<=). Only what was measured."""
    m = bench.median

    def best():
        return max(m(n, rate) for n in ("inflight512", "inflight2000", "inflight10000"))
    figures = [
        ("clients64_vs_postgres", lambda: m("clients64", rate) / m("postgres_64", rate), ">= 8"),
        ("clients64_vs_mariadb", lambda: m("clients64", rate) / m("mariadb_64", rate), ">= 6"),
        ("inflight512_vs_postgres", lambda: m("inflight512", rate) / m("postgres_64", rate), ">= 20"),
        # A transfer is one update in each of the two files.
        ("inflight512_vs_sqlite_limit", lambda: 2 * m("inflight512", rate) / m("sqlite_updates", lambda r: r["two_files_by_1000_per_s"]), ">= 0.25"),
        ("client1_p50_us", lambda: m("client1", p50), f"<= {3 * m('fdatasync', p50) + 150:.0f}" if "fdatasync" in bench.results else ""),
        ("fdatasync_p50_us", lambda: m("fdatasync", p50), ""),
        ("client1_p50_vs_postgres", lambda: m("client1", p50) / m("postgres_1", p50), "<= 1"),
        ("client1_p50_vs_mariadb", lambda: m("client1", p50) / m("mariadb_1", p50), "<= 1"),
        ("client1_p99_vs_postgres", lambda: m("client1", lambda r: r["latency_us"]["p99"]) / m("postgres_1", lambda r: r["p99_us"]), "<= 1"),
        ("client1_p99_vs_mariadb", lambda: m("client1", lambda r: r["latency_us"]["p99"]) / m("mariadb_1", lambda r: r["p99_us"]), "<= 1"),
        ("cpu_4_over_2_participants", lambda: m("participants4_64", daemon_cpu) / m("clients64", daemon_cpu), "<= 1.7"),
        ("fsyncs_per_txn_per_node_64", lambda: m("clients64", fsyncs), "<= 0.2"),
        ("abort50_over_uniform", lambda: m("abort50_64", rate) / m("clients64", rate), ">= 0.5"),
        ("hot10_over_uniform", lambda: m("hot10_64", rate) / m("clients64", rate), ">= 0.5"),
        ("recovery_s_per_million", lambda: m("recovery", recovery_seconds), "<= 2"),
        ("inflight10000_over_best", lambda: m("inflight10000", rate) / best(), ">= 0.8"),
        ("rss_bytes_per_inflight", lambda: m("inflight10000", bytes_in_flight), "<= 4096"),
    ]
    out = []
    for name, value, target in figures:
        with contextlib.suppress(KeyError):  # left out by --only
            out.append((name, value(), target))
    return out


def met(value, target):
    if not target:
        return None
    relation, bound = target.split()
    return value >= float(bound) if relation == ">=" else value <= float(bound)


def machine(directory):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    disk = subprocess.run(["df", "--output=fstype", directory], capture_output=True, text=True).stdout.split()[-1]
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "memory_mib": memory // 1024, "kernel": platform.release(), "file_system": disk,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "load_before": os.getloadavg()}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--build", default="release", help="what the programs were built as, for the report")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dir")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def main():
    options = arguments()
    began = time.monotonic()
    directory = tempfile.mkdtemp(prefix="troth-bench-", dir=options.dir)
    os.chmod(directory, 0o755)  # the servers' own users must find their directories in it
    facts = {"build": options.build, **machine(directory)}
    bench = Bench(options, directory)
    try:
        with contextlib.ExitStack() as stack:
            def peer(name, start):
                if options.only and options.only not in name and not name.startswith(options.only.split("_")[0]):
                    return []
                where, facts[name] = stack.enter_context(start(directory))
                return where
            postgres, mariadb = peer("postgres", servers.postgres), peer("mariadb", servers.mariadb)
            for i in range(options.rounds):
                say(f"round {i + 1} of {options.rounds}")
                bench.round(postgres, mariadb)
        bench.recovery()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    facts["load_after"] = os.getloadavg()
    facts["minutes"] = round((time.monotonic() - began) / 60, 1)
    found = ratios(bench)
    report = {"schema": "troth.bench.report/1", "quick": options.quick, "rounds": options.rounds, "machine": facts,
              "ratios": {name: {"value": round(value, 4), "target": target, "met": met(value, target)} for name, value, target in found},
              "runs": bench.results}
    with open(options.out, "w") as f:
        json.dump(report, f, indent=1)
    say(f"report: {options.out}, {facts['minutes']} minutes, load {facts['load_before'][0]:.1f} to {facts['load_after'][0]:.1f}")
    for name, value, target in found:
        say(f"  {name:30} {value:10.3f}  {target:10} {'' if met(value, target) is None else 'met' if met(value, target) else 'MISSED'}")
    for name, value, _ in found:
        print(f"RATIO {name} {value:.4f}")


if __name__ == "__main__":
    main()

"""Runs clients/conformance/cases against real daemons with the package in PYTHONPATH.

  conformance.py [--fast] [--only TEXT]        TROTH_BIN names the programs
"""
import argparse
import json
import pathlib
import sys
import threading
import time
import traceback

CASES = pathlib.Path(__file__).resolve().parents[2] / "conformance"
sys.path.insert(0, str(CASES))
sys.path[:] = [p for p in sys.path if pathlib.Path(p or ".").resolve() != CASES.parents[0] / "python"]  # the sources lack the generated code
import troth  # noqa: E402
from checks import Checks, params_in, value_in  # noqa: E402
from world import RESET, World  # noqa: E402

CONTROL = ("kill", "start", "wait_exit", "stop", "continue")


class Runner(Checks):
    """One case."""

    def __init__(self, world):
        self.world, self.saved, self.transactions, self.in_doubt, self.background = world, {}, {}, None, {}
        self.clients, self.timeout = [], None
        self.client = self.make_client({"endpoints": ["proxy"], "timeout": 20})

    def make_client(self, options):
        client = troth.connect([self.world.endpoint(e) for e in options["endpoints"]], timeout=options["timeout"])
        self.clients.append(client)
        return client

    def close(self):
        for thread, _ in self.background.values():
            thread.join(60)
        for transaction in self.transactions.values():
            transaction.rollback()
        for client in self.clients:
            client.close()

    def words(self, words):
        on, sql = words[0], value_in(words[1])
        params = params_in(words[2]) if len(words) > 2 else ()
        return on, sql, params, words[3] if len(words) > 3 else None

    def request(self, statements):
        request = troth.Request()
        for words in statements:
            request.on(*self.words(words), snapshot=words[4:] == ["snapshot"])
        return request

    @staticmethod
    def options(step, *names):
        return {name: value_in(step[name]) for name in names if name in step}

    def named(self, given):
        return {name: self.saved[v[1:]] if isinstance(v, str) and v.startswith("$") else v for name, v in given.items()}

    # The verbs. Each returns what the client gave back, or raises what it raised.

    def submit(self, step):
        return self.client.submit(self.request(step["submit"]), timeout=self.timeout, **self.options(step, "key", "deadline", "wait", "protocol", "comment", "retries"))

    def batch(self, step):
        keys = step.get("keys") or [None] * len(step["batch"])
        return self.client.submit_batch([(self.request(s), {"key": k}) for s, k in zip(step["batch"], keys)])

    def begin(self, step):
        transaction = self.client.transaction(**self.options(step, "deadline", "idle_timeout", "protocol", "wait"))
        transaction.begin()
        self.transactions[step["begin"]] = transaction

    def execute(self, step):
        on, sql, params, expect = self.words(step["execute"])
        return self.transactions[step["in"]][on].execute(sql, params, expect, step.get("timeout"))

    def commit(self, step):
        return self.transactions[step["commit"]].commit()

    def rollback(self, step):
        return self.transactions[step["rollback"]].rollback()

    def run(self, step):
        runs = []

        def work(t):
            runs.append(t)
            for words in step["run"]:
                on, sql, params, expect = self.words(words)
                t[on].execute(sql, params, expect)
            return True
        try:
            return {"value": self.client.run(work), "runs": len(runs)}
        except troth.TrothError as fault:
            fault.runs = len(runs)
            raise

    def outcome(self, step):
        return self.client.outcome(**self.named(step["outcome"]))

    def await_(self, step):
        return self.client.await_outcome(**self.named(step["await"]))

    def await_in_doubt(self, step):
        return self.in_doubt.await_outcome(step["await_in_doubt"])

    def wait_for_waiter(self, step):
        until = time.monotonic() + 10
        name = step["wait_for_waiter"]
        while not json.loads(self.world.cluster.cli("participant", "locks", name, "-o", "json").stdout or "{}").get("waiting"):
            if time.monotonic() > until:
                raise AssertionError("nobody waits")
            time.sleep(0.005)

    def wait_for_prepared(self, step):
        until = time.monotonic() + 10
        while self.world.cluster.status(self.world.daemon(step["wait_for_prepared"]))["in_doubt"] == 0:
            if time.monotonic() > until:
                raise AssertionError("nothing is prepared")
            time.sleep(0.005)

    # Steps.

    def perform(self, step):
        for verb in ("submit", "batch", "begin", "execute", "run", "outcome", "await_in_doubt", "wait_for_waiter", "wait_for_prepared", "commit", "rollback"):
            if verb in step and not (verb in ("commit", "rollback") and "execute" in step):
                return getattr(self, verb)(step)
        if "await" in step:
            return self.await_(step)
        raise ValueError(f"no verb in {step}")

    def attempt(self, step, out):
        began = time.monotonic()
        try:
            out.append(self.perform(step))
        except troth.TrothError as fault:
            out.append(fault)
            if isinstance(fault, troth.InDoubt):
                self.in_doubt = fault
        except BaseException as fault:
            fault.trace = traceback.format_exc()
            out.append(fault)
        out.append(time.monotonic() - began)

    def step(self, step):
        for verb in CONTROL:
            if verb in step:
                return self.world.act(verb, step[verb], *([step["failpoints"]] if "failpoints" in step else []))
        if "client" in step:
            self.client = self.make_client(step["client"])
        elif "timeout" in step and len(step) == 1:
            self.timeout = step["timeout"]
        elif "fault" in step:
            self.world.arm(step["fault"], step["method"], step["times"])
        elif "retry_named" in step:
            self.must(self.world.proxy.retry_named(), "no beginTransaction names the transaction that it repeats")
        elif "disarm" in step:
            self.world.disarm()
        elif "same_proxy" in step:
            counts = sorted(proxy.calls.count(step["same_proxy"]) for proxy in (self.world.proxy, self.world.proxy2))
            self.must(counts == [0, step["times"]], f"calls at the two proxies: {counts}")
        elif "calls" in step:
            for name, count in step["calls"].items():
                self.must(self.world.proxy.calls.count(name) == count, f"{self.world.proxy.calls} has not {count} {name}")
        elif "background" in step:
            out = []
            thread = threading.Thread(target=self.attempt, args=(step, out), daemon=True)
            self.background[step["background"]] = thread, out
            thread.start()
        elif "join" in step:
            thread, out = self.background.pop(step["join"])
            thread.join(60)
            self.must(len(out) == 2, "it does not end")
            self.check(step, *out)
        else:
            out = []
            self.attempt(step, out)
            self.check(step, *out)


def run_case(world, case, kind=Runner):
    """None, or a sentence."""
    reset = troth.Request()
    for name in ("p1", "p2"):
        for sql in RESET:
            reset.on(name, sql)
    with troth.connect(world.endpoint("direct"), timeout=30) as client:
        client.submit(reset, deadline=20, retries=20)
    runner = kind(world)
    try:
        for number, step in enumerate(case["steps"], 1):
            try:
                runner.step(step)
            except Exception as fault:
                trace = "" if isinstance(fault, AssertionError) else traceback.format_exc()
                return f"step {number} {json.dumps(step)[:300]}\n      {fault}\n{trace}"
        return None
    finally:
        world.heal()
        runner.close()


def all_cases(fast):
    """Fast: no restarts and large values, every fault, and a quarter of the rest."""
    out = []
    for path in sorted((CASES / "cases").glob("*.json")):
        cases = json.loads(path.read_text())
        if fast:
            cases = [c for c in cases if not c.get("slow")][::1 if path.stem == "faults" else 4]
        out += cases
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="every fault without restarts, and a quarter of the rest")
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("-v", action="store_true", help="name each case")
    options = parser.parse_args()
    cases = [case for case in all_cases(options.fast) if options.only in case["name"]]
    world, failed = World(), 0
    try:
        for case in cases:
            began = time.monotonic()
            problem = run_case(world, case)
            failed += problem is not None
            if problem or options.v:
                print(f"{'FAILED' if problem else 'ok'}  {case['name']}  ({time.monotonic() - began:.2f} s)" + (f"\n    {problem}" if problem else ""))
    finally:
        world.close()
    print(f"CLIENT python cases {len(cases)} failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

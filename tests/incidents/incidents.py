"""Incidents, staged on real daemons. For each, one command must name the cause, the risk for data and what to type next."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from stage import BIN, ROOT, Daemon, Stage, troth, until
import more
from screens import Screens


def lose_the_coordinator(stage):
    stage.build()
    c = stage.start(c1="coordinator.commit.durable=kill")
    c.transfer("t1", "--timeout", "3s")
    c.coordinator.wait()
    p1 = c.participants["p1"]
    until("the link is down", lambda: not any(link["connected"] for link in c.status(p1)["links"] if link["peer"] == "c1"))
    return c, p1, json.loads(c.cli_at(p1, "txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"][0]["txn_id"]


def coordinator_down(stage):
    c, p1, _ = lose_the_coordinator(stage)
    until("it is in doubt for a while", lambda: c.status(p1)["oldest_in_doubt_ms"] > 2200)
    return (*troth("doctor", "-e", p1.address), "coordinator c1: not connected", "none: its log holds every decision", "start c1 again")


def agent_down(stage):
    stage.build()
    c = stage.start()
    c.participants["p2"].kill()
    until("the link is down", lambda: "DOWN" in c.cli("status").stdout)
    return (*troth("doctor", "-e", c.coordinator.address), "c1 cannot reach it at", "none: transactions that touch it abort", "start it again")


def agent_slow(stage):
    stage.build(coordinator_flags=("--prepare-timeout", "20s", "--resend-interval", "50ms"))
    c = stage.start(p2="participant.prepare.executed=sleep:8000")
    running = c.transfer_in_background("t1")
    found = ("", "")

    def seen():
        nonlocal found
        found = troth("doctor", "-e", c.coordinator.address)
        return "for the vote of p2" in found[1]
    until("it waits for the vote", seen)
    stage.record()
    running.communicate(timeout=30)
    return (*found, "for the vote of p2: it is slow", "none: without the vote they abort", "troth participant show p2")


def disk_full(stage):
    c = stage.build(coordinator_flags=("--prepare-timeout", "2s", "--resend-interval", "50ms", "--segment-bytes", "64KiB"))
    disk = os.path.join(c.dir, "disk")
    stage.small_disk(disk, "1m")
    c.coordinator.data = os.path.join(disk, "log")
    c.coordinator.init()
    stage.start()
    file = os.open(os.path.join(disk, "core.4711"), os.O_WRONLY | os.O_CREAT)  # somebody else fills the disk
    numbers = iter(range(10**6))

    def refused():
        """A checkpoint may free a segment in between: then the disk is filled again."""
        try:
            while os.write(file, b"x" * 4096) > 0:
                pass
        except OSError:
            pass
        if c.transfer(f"t{next(numbers)}", "--comment", "c" * 4000).returncode != 5:
            return None
        found = troth("doctor", "-e", c.coordinator.address)
        stage.record()
        return found if 'rule="log-full"' in stage.after["c1"] else None
    found = until("work is refused", refused, 90)
    os.close(file)
    return (*found, "no room is left for its log", "none: decisions still fit", "make room on its disk")


def log_corrupt(stage):
    stage.build()
    c = stage.start()
    for i in range(5):
        c.transfer(f"t{i}")
    c.settle()
    p1 = c.participants["p1"]
    p1.kill()
    segment = sorted(pathlib.Path(p1.data).glob("*"), key=lambda p: p.stat().st_size)[-1]
    with open(segment, "r+b") as file:
        file.seek(64 + 120)
        byte = file.read(1)
        file.seek(64 + 120)
        file.write(bytes([byte[0] ^ 0x40]))
    if p1.start_expecting_exit() != 70:
        raise AssertionError("a damaged log was taken")
    return (*troth("doctor", "--data-dir", p1.data), r"\.(log|seg)|offset|segment", "YES: what this log promised may be lost", "copy the directory, then troth log verify")


def in_doubt_blocked(stage):
    stage.build()
    c = stage.start(p2="participant.commit.received=kill")
    c.transfer("t1")
    c.participants["p2"].wait()
    until("it is old enough", lambda: c.status()["oldest_in_doubt_ms"] > 2200)
    return (*troth("doctor", "-e", c.coordinator.address), "blocked by p2", "none: the decision is logged", "repair p2, then troth txn retry --all")


def mixed_outcome(stage):
    c, _, gtid = lose_the_coordinator(stage)
    p2 = c.participants["p2"]
    until("the link is down", lambda: not any(link["connected"] for link in c.status(p2)["links"] if link["peer"] == "c1"))
    c.cli_at(p2, "txn", "resolve", gtid, "--abort", "--reason", "a guess at 3 a.m.", "--operator", "ann", "--confirm", gtid[-6:])
    c.coordinator.start()
    until("the alarm", lambda: any("MIXED" in a for a in c.status(p2)["alarms"]))
    return (*troth("doctor", "-e", c.coordinator.address), "was aborted here by ann .*but c1 decided COMMIT", "YES: the databases differ", "troth txn list --in-doubt -e")


def lost_participant(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    p2.kill()
    shutil.rmtree(p2.data)
    os.remove(c.database("p2"))
    if p2.start_expecting_exit() != 64:
        raise AssertionError("an empty directory was taken for a fresh start")
    return (*troth("doctor", "--data-dir", p2.data), "log", "possible: if there was a log, what only it knew is gone", "look for the newest backup; never init")


def restored_participant(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    p2.terminate()
    copies = [(path, path + ".copy") for path in (p2.data, c.database("p2"))]
    for path, copy in copies:
        (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, copy)
    p2.start(failpoints="participant.commit.received=kill")
    c.transfer("t2")
    p2.wait()
    shutil.rmtree(p2.data)
    for path in (c.database("p2"), c.database("p2") + "-wal", c.database("p2") + "-shm"):
        pathlib.Path(path).unlink(missing_ok=True)
    for path, copy in copies:
        (shutil.copytree if os.path.isdir(copy) else shutil.copy)(copy, path)
    if p2.start_expecting_exit() != 75:
        raise AssertionError("a copy was taken for the original")
    subprocess.run([os.path.join(BIN, "troth-participant"), "adopt", "--data-dir", p2.data], check=True, stdout=subprocess.DEVNULL)
    p2.start()
    until("nobody works with an older copy", lambda: "was seen at LSN" in c.cli("status").stdout)
    found = troth("doctor", "-e", c.coordinator.address)
    stage.record()
    p2.terminate()
    # The page, to its end: the same database under a new name.
    subprocess.run(["sqlite3", c.database("p2"), "DROP TABLE troth_applied"], check=True)
    new = c.participants["p3"] = Daemon(c, "p3", p2.program, p2.arguments)
    new.init()
    new.start()
    c.coordinator.terminate()
    c.coordinator.start()
    if c.transfer("t3", names=("p1", "p3")).returncode != 0:
        raise AssertionError("the database did not begin anew")
    until("the file holds it", lambda: len(c.read("p2", "SELECT gid FROM did")) == 2)
    if [row[0] for row in c.read("p2", "SELECT gid FROM did ORDER BY gid")] != ["t1", "t3"]:
        raise AssertionError("not what the copy held and the new transaction")
    for words in (["--dry-run"], ["--reason", "restored from a copy", "--confirm", "p2"], ["--forget", "--reason", "t2 repeated by hand", "--confirm", "p2"]):
        reply = c.cli("participant", "lost", "p2", *words)
        if reply.returncode != 0:
            raise AssertionError(f"participant lost p2 {words}: {reply.stderr}")
    if c.status()["in_doubt"] != 0 or c.status()["alarms"]:
        raise AssertionError("p2 is still waited for, or shown")
    return (*found, "refused: the log of p2 was seen at LSN", "YES: what only its newest log held", "put the newest log of p2 back")


def lost_coordinator(stage):
    c, p1, gtid = lose_the_coordinator(stage)
    old = c.coordinator
    shutil.rmtree(old.data)
    old.init()
    old.start()
    found = ("", "")

    def refused():
        nonlocal found
        for participant in c.participants.values():  # the first that refused it ended it: the other may never have heard of it
            found = troth("doctor", "-e", participant.address)
            if "refused: c1" in found[1]:
                return True
        return False
    until("it has been refused", refused)
    stage.record()
    old.terminate()
    # The page, to its end: a new coordinator, and each branch by hand.
    new = c.coordinator = Daemon(c, "c2", old.program, old.arguments)
    new.init()
    new.start()
    for daemon in c.participants.values():
        shown = c.cli_at(daemon, "txn", "resolve", gtid, "--abort", "--dry-run")
        done = c.cli_at(daemon, "txn", "resolve", gtid, "--abort", "--reason", "its log is gone", "--operator", "ann", "--confirm", gtid[-6:])
        if "ask p" not in shown.stdout or done.returncode != 0:
            raise AssertionError(shown.stdout + done.stderr)
        c.cli_at(daemon, "txn", "forget", gtid, "--reason", "compared", "--operator", "ann", "--confirm", gtid[-6:])
        if c.status(daemon)["in_doubt"] != 0:
            raise AssertionError("still in doubt")
    if c.transfer("t2").returncode != 0:
        raise AssertionError("the new coordinator does not work")
    return (*found, "refused: c1 is known here by the log", "YES: what only its newest log held", "put the newest log of c1 back")


def flood_of_aborts(stage):
    stage.build()
    c = stage.start()
    for i in range(15):
        c.transfer(f"t{i}", amount=5000)  # CHECK(v >= 0) fails
    return (*troth("doctor", "-e", c.coordinator.address), "transactions were aborted, the newest: .*CHECK", "none: an aborted transaction changed nothing", "troth txn list --recent")


def clock_jump(stage):
    c = stage.build()
    os.environ["TROTH_TEST_CLOCK_OFFSET_MS"] = "3600000"
    try:
        c.participants["p1"].start()
    finally:
        del os.environ["TROTH_TEST_CLOCK_OFFSET_MS"]
    c.participants["p2"].start()
    c.coordinator.start()
    until("they are linked", lambda: "DOWN" not in c.cli("status").stdout and c.transfer("t1").returncode == 0)
    return (*troth("doctor", "-e", c.coordinator.address), "participant p1: its clock is .* ahead of", "none: nothing is decided by clocks", "set the clock right")


INCIDENTS = {f.__name__.replace("_", "-"): f for f in (coordinator_down, agent_down, agent_slow, disk_full, log_corrupt, in_doubt_blocked, mixed_outcome,
                                                       lost_participant, restored_participant, lost_coordinator, flood_of_aborts, clock_jump, *more.INCIDENTS)}
ROOT_ONLY = {"disk-full"}
# The alert that must fire while it lasts; where there is none, no alert is wanted.
ALERTS = {"coordinator-down": "TrothCoordinatorDown", "agent-down": "TrothParticipantDown", "agent-slow": "TrothBranchInDoubt", "disk-full": "TrothNotReady",
          "log-corrupt": "TrothParticipantDown", "in-doubt-blocked": "TrothTransactionInDoubt", "mixed-outcome": "TrothDataAtRisk",
          "lost-participant": "TrothParticipantDown", "restored-participant": "TrothAmnesia", "lost-coordinator": "TrothAmnesia",
          "flood-of-aborts": "TrothAbortRatioHigh", **more.ALERTS}


def write_transcript(name, command, output, directory):
    page = ROOT / "docs/runbooks" / f"{name}.md"
    text = page.read_text()
    output = output.replace(directory, "/var/lib/troth")
    output = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:7430", output)
    block = f"## As rehearsed\n`bash tests/incidents.sh {name}` stages it; what the command says:\n```\n$ {command.replace(directory, '/var/lib/troth')}\n{output}```\n"
    block = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:7430", block)
    text = text.split("## As rehearsed")[0].rstrip() + "\n\n" + block
    page.write_text(text)


def judge(name, stage, found, transcripts):
    """Prints the line of the incident. True if it was answered and the alert is right."""
    command, output, cause, risk, next_step = found
    said = {word: re.search(pattern, output) is not None for word, pattern in (("cause", cause), ("risk", risk), ("next", next_step))}
    shown = " ".join(f"{word} {'yes' if yes else 'no'}" for word, yes in said.items())
    fired, expected = stage.fired(), ALERTS.get(name)
    right = fired is None or (expected in fired if expected else not fired)
    alert = "not asked" if fired is None else f"expected {expected or 'none'} fired {'yes' if fired else 'no'}"
    print(f"INCIDENT {name} COMMAND {command.replace(stage.cluster.dir, 'DIR')} FOUND {shown} ALERT {alert}", flush=True)
    if not all(said.values()) or not right:
        print(output, f"fired: {fired}", sep="\n", file=sys.stderr)
        return False
    if transcripts and (ROOT / "docs/runbooks" / f"{name}.md").exists():
        write_transcript(name, command, output, stage.cluster.dir)
    return True


def main(words):
    transcripts = "--transcripts" in words
    Screens.directory = next((w.split("=", 1)[1] for w in words if w.startswith("--screens=")), None)
    names = [w for w in words if not w.startswith("--")] or list(INCIDENTS)
    asked = answered = false_alarms = 0
    for name in names:
        if name not in INCIDENTS:
            sys.exit(f"no incident is called {name}; there are: {', '.join(INCIDENTS)}")
        if name in ROOT_ONLY and os.geteuid() != 0:
            print(f"INCIDENT {name} SKIPPED mounting a small file system needs root", flush=True)
            continue
        stage = Stage()
        asked += 1
        try:
            found = INCIDENTS[name](stage)
            fits = Screens.keep(name, stage.cluster.dir)
            answered += judge(name, stage, found, transcripts) and fits
            false_alarms += len(stage.false_alarms)
            for alarm in stage.false_alarms:
                print(f"{name}: false alarm in the healthy twin: {alarm}", file=sys.stderr)
        finally:
            stage.close()
    print(f"INCIDENTS {asked} ANSWERED {answered} FALSE_ALARMS {false_alarms}", flush=True)
    sys.exit(0 if asked == answered and false_alarms == 0 else 1)


main(sys.argv[1:])

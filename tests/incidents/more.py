"""More incidents: nodes that came back different, settings that are wrong, files that were changed, and what operators do."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess

from stage import BIN, COORDINATOR, PARTICIPANT, Daemon, doctor_until, troth, until


def linked(c, daemon, peer):
    return any(link["connected"] for link in c.status(daemon)["links"] if link["peer"] == peer)


def copy_of(c, name):
    """Log and database of a stopped participant; returns what puts them back."""
    daemon = c.participants[name]
    database = c.database(name)
    kept = os.path.join(c.dir, "kept")
    shutil.copytree(daemon.data, kept)
    shutil.copy(database, kept + ".db")

    def put_back():
        shutil.rmtree(daemon.data)
        for end in ("", "-wal", "-shm"):
            pathlib.Path(database + end).unlink(missing_ok=True)
        shutil.copytree(kept, daemon.data)
        shutil.copy(kept + ".db", database)
    return put_back


def restore_p2(stage):
    """p2 comes back with an older copy of log and database, adopted."""
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    p2.terminate()
    put_back = copy_of(c, "p2")
    p2.start()
    for i in range(2, 5):
        if c.transfer(f"t{i}").returncode != 0:
            raise AssertionError("the cluster does not work")
    c.settle()
    p2.terminate()
    put_back()
    subprocess.run([os.path.join(BIN, "troth-participant"), "adopt", "--data-dir", p2.data], check=True, stdout=subprocess.DEVNULL)
    p2.start()
    return c, p2


def lost_memory_after_a_restart(stage):
    stage.build()
    c, p2 = restore_p2(stage)
    until("it is witnessed", lambda: any("p2 lost memory" in a for a in c.status()["alarms"]))
    p2.terminate()  # nobody is there to say it again
    c.coordinator.terminate()
    c.coordinator.start()
    found = doctor_until("p2 lost memory", c.coordinator)
    if "none: transactions that touch it abort" in found[1]:
        raise AssertionError("risk none beside lost memory: " + found[1])
    return (*found, "p2 lost memory: the log of p2 was seen at LSN", "YES: what only its newest log held", "put the newest log of p2 back")


def made_anew(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    p2.terminate()
    shutil.rmtree(p2.data)
    subprocess.run(["sqlite3", c.database("p2"), "DROP TABLE troth_applied"], check=True)
    p2.init()
    p2.start()
    return (*doctor_until("p2 lost memory", c.coordinator), "p2 is known here by the log", "YES: what only its newest log held", "put the newest log of p2 back")


def quarantined(stage):
    stage.build()
    c = stage.cluster
    flags = c.participants["p2"].arguments()
    c.participants["p1"].start()
    c.participants["p2"].start()
    c.coordinator.start()
    c.participants["p2"].terminate()
    c.participants["p2"].arguments = lambda: [*flags, "--coordinator", f"c1={c.coordinator.address}"]
    c.participants["p2"].start()
    stage.twin()
    c.participants["p2"].terminate()
    put_back = copy_of(c, "p2")
    c.participants["p2"].start()
    for i in range(3):
        c.transfer(f"t{i}")
    c.settle()
    p2 = c.participants["p2"]
    p2.terminate()
    put_back()
    subprocess.run([os.path.join(BIN, "troth-participant"), "adopt", "--data-dir", p2.data], check=True, stdout=subprocess.DEVNULL)
    p2.start()
    return (*doctor_until("in quarantine", p2), "c1 has seen this log reach LSN", "possible: its log may have lost its end", "dismiss or confirm")


def coordinator_replaced(stage):
    """c2 took over; the settings of p1 name only c2. c1 is no FAIL, and can be forgotten."""
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    old, p1 = c.coordinator, c.participants["p1"]
    old.terminate()
    new = c.coordinator = Daemon(c, "c2", old.program, old.arguments)
    new.init()
    new.start()
    flags = p1.arguments()
    p1.terminate()
    p1.arguments = lambda: [*flags, "--coordinator", f"c2={new.address}"]
    p1.start()
    until("c2 works", lambda: c.transfer("t2").returncode == 0)
    found = doctor_until("retired", p1)
    p2 = c.participants["p2"]
    also = p2.arguments()
    p2.terminate()  # it names no coordinator: each that it met is expected
    p2.arguments = lambda: [*also, "--coordinator", f"c2={new.address}"]
    p2.start()
    until("it is retired at p2 too", lambda: "retired" in troth("doctor", "-e", p2.address)[1])
    stage.record()
    if "FAIL" in found[1]:
        raise AssertionError("a retired coordinator is a FAIL: " + found[1])
    for daemon in c.participants.values():
        gone = c.cli_at(daemon, "peer", "forget", "c1", "--reason", "c2 took over", "--confirm", "c1")
        if gone.returncode != 0 or "c1" in [link["peer"] for link in c.status(daemon)["links"]]:
            raise AssertionError(f"c1 is still shown: {gone.stderr}")
    p1.terminate()
    p1.start()
    until("c2 is linked", lambda: linked(c, p1, "c2"))
    if "c1" in [link["peer"] for link in c.status(p1)["links"]]:
        raise AssertionError("a restart brought c1 back")
    return (*found, "coordinator c1: retired: the settings of p1 name it no more", "OK", "troth peer forget c1")


def many_in_doubt(stage):
    """The coordinator will never come back: what is in doubt at one participant is decided at once, each with its own checks."""
    stage.build(coordinator_flags=("--prepare-timeout", "20s", "--resend-interval", "50ms"))
    c = stage.start(p2="participant.prepare.executed=sleep:10000")
    running = []
    for i in range(3):
        sql = f"INSERT INTO did VALUES('t{i}')"
        running.append(subprocess.Popen([os.path.join(BIN, "troth"), "-e", c.coordinator.address, "submit", "--on", "p1", sql, "--on", "p2", sql],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    p1 = c.participants["p1"]
    until("three are in doubt", lambda: c.status(p1)["in_doubt"] == 3)
    c.coordinator.kill()
    for process in running:
        process.wait(60)
    until("the link is down", lambda: not linked(c, p1, "c1"))
    found = doctor_until("blocked by c1", p1)
    stage.record()
    resolve = ("txn", "resolve", "--all", "--abort")
    dry = c.cli_at(p1, *resolve, "--dry-run")
    if "3 of 3 would be decided, 0 refused" not in dry.stdout or c.status(p1)["in_doubt"] != 3:
        raise AssertionError(dry.stdout + dry.stderr)
    wrong = c.cli_at(p1, *resolve, "--reason", "its log is gone", "--operator", "ann", "--confirm", "2")
    if wrong.returncode != 2 or "--confirm 3" not in wrong.stderr:
        raise AssertionError(wrong.stdout + wrong.stderr)
    done = c.cli_at(p1, *resolve, "--reason", "its log is gone", "--operator", "ann", "--confirm", "3")
    if done.returncode != 0 or "3 of 3 decided, 0 refused" not in done.stdout:
        raise AssertionError(done.stdout + done.stderr)
    if c.cli_at(p1, "audit").stdout.count("resolve_abort") < 3:
        raise AssertionError("nobody wrote down who decided")
    return (*found, "3 in doubt or not confirmed for up to", "none: the decision is logged", "repair c1.*then troth txn retry")


def descriptors_short(stage):
    stage.build()
    c = stage.start()
    pid = c.coordinator.process.pid

    def found():
        """Connections of earlier commands end in between."""
        limit = len(os.listdir(f"/proc/{pid}/fd")) + 2
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
        said = troth("doctor", "-e", c.coordinator.address)
        return said if "file descriptors" in said[1] else None
    said = until("doctor names the descriptors", found)
    stage.record()
    return (*said, "more than nine tenths of its file descriptors", "none: new connections wait", "raise LimitNOFILE=")


def participant_removed(stage):
    """p2 was taken out of the settings: retired, and forgotten by a command."""
    stage.build()
    c = stage.cluster
    settings = os.path.join(c.dir, "c1.conf")

    def write(*names):
        pathlib.Path(settings).write_text("".join(f"participant = {n}={c.participants[n].address}\n" for n in names))
    c.participants["p1"].start()
    c.participants["p2"].start()
    write("p1", "p2")
    c.coordinator.arguments = lambda: ["--config", settings, *COORDINATOR, "--http", "127.0.0.1:0"]
    c.coordinator.start()
    stage.twin()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    p2.terminate()
    p2.start(failpoints="participant.commit.received=kill")
    until("it is linked", lambda: linked(c, c.coordinator, "p2"))
    c.transfer("t2")  # decided, and p2 owes its acknowledgement
    p2.wait()
    until("the link is down", lambda: not linked(c, c.coordinator, "p2"))
    forget = ("peer", "forget", "p2", "--reason", "its disk burnt", "--confirm", "p2")
    early = c.cli(*forget)
    if early.returncode != 5 or "take it out of them first" not in early.stderr:
        raise AssertionError(f"a configured peer was forgotten: {early.stderr}")
    write("p1")
    c.coordinator.process.send_signal(signal.SIGHUP)
    until("it is named no more", lambda: "1 transaction of p2" in c.cli(*forget).stderr)  # owed
    for words in (["--reason", "its disk burnt", "--confirm", "p2"], ["--forget", "--reason", "repeated by hand", "--confirm", "p2"]):
        if c.cli("participant", "lost", "p2", *words).returncode != 0:
            raise AssertionError("p2 cannot be declared lost")
    found = doctor_until("retired", c.coordinator)
    stage.record()
    if "FAIL" in found[1] or c.cli("status", "--check").returncode != 0:
        raise AssertionError("a retired participant is a FAIL: " + found[1])
    if "Nothing is owed" not in c.cli("peer", "forget", "p2", "--dry-run").stdout or "p2" not in c.cli("status").stdout:
        raise AssertionError("the dry run does not say so, or has done it")
    if c.cli(*forget).returncode != 0:
        raise AssertionError("p2 is not forgotten")
    if "p2" in c.cli("status").stdout or "peer_forget" not in c.cli("audit").stdout:
        raise AssertionError("p2 is still shown, or nobody wrote down who forgot it")
    return (*found, "participant p2: retired: the settings of c1 name it no more", "OK", "troth peer forget p2")


def in_doubt_after_a_restart(stage):
    """A daemon that restarts every two minutes still trips an in-doubt alert: ages go on."""
    stage.build()
    c = stage.start(c1="coordinator.commit.durable=kill")
    c.transfer("t1", "--timeout", "2s")
    c.coordinator.wait()
    p1 = c.participants["p1"]
    until("it is in doubt for a while", lambda: c.status(p1)["oldest_in_doubt_ms"] > 2500)
    p1.terminate()
    p1.start()
    age = c.status(p1)["oldest_in_doubt_ms"]
    if age < 2500:
        raise AssertionError(f"a restart began the age anew: {age} ms")
    until("the link is down", lambda: not linked(c, p1, "c1"))
    return (*doctor_until("blocked by c1", p1), "1 in doubt or not confirmed for up to", "none: the decision is logged", "repair c1, then troth txn retry")


def addresses_exchanged(stage):
    stage.build()
    c = stage.start()
    p1, p2 = c.participants.values()
    c.coordinator.terminate()
    settings = os.path.join(c.dir, "c1.conf")
    pathlib.Path(settings).write_text(f"participant = p1={p2.address}\nparticipant = p2={p1.address}\n")
    c.coordinator.arguments = lambda: ["--config", settings, *COORDINATOR, "--http", "127.0.0.1:0"]
    c.coordinator.start()
    return (*doctor_until("are exchanged", c.coordinator), "the addresses of p1 and p2 are exchanged in the settings of c1", "none: transactions that touch it abort",
            r"exchange the addresses of participant = p1 and p2 in .*c1\.conf:1 and .*c1\.conf:2 \(the settings of c1\) and send it SIGHUP")


def participant_moved(stage):
    """Let the agent call: it starts at another address, and the coordinator reaches it there once it has proved its log."""
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    flags, settings = p2.arguments(), c.coordinator.arguments()
    c.coordinator.arguments = lambda: settings  # they go on naming the old address
    p2.terminate()
    p2.address = None
    p2.arguments = lambda: [*flags, "--coordinator", f"c1={c.coordinator.address}"]
    p2.start()
    until("it is reached at its new address", lambda: linked(c, c.coordinator, "p2"))
    if c.transfer("t2").returncode != 0:
        raise AssertionError("nothing commits at its new address")
    c.coordinator.terminate()
    c.coordinator.start()
    until("it is reached there after a restart of the coordinator, too", lambda: linked(c, c.coordinator, "p2"))
    if c.transfer("t3").returncode != 0:
        raise AssertionError("nothing commits after a restart")
    return (*doctor_until("the settings name", c.coordinator), f"participant p2: it is at {p2.address}, and the settings name", "none: it is reached where it is",
            f"correct participant = p2={p2.address} in flag --participant")


def moved_to_nowhere(stage):
    """By SIGHUP to a port where nobody listens: never "up" at the new address."""
    stage.build()
    c = stage.cluster
    settings = os.path.join(c.dir, "c1.conf")
    for daemon in c.participants.values():
        daemon.start()
    lines = [f"participant = {n}={d.address}\n" for n, d in c.participants.items()]
    pathlib.Path(settings).write_text("".join(lines))
    c.coordinator.arguments = lambda: ["--config", settings, *COORDINATOR, "--http", "127.0.0.1:0"]
    c.coordinator.start()
    stage.twin()
    pathlib.Path(settings).write_text(lines[0] + "participant = p2=127.0.0.1:1\n")
    c.coordinator.process.send_signal(signal.SIGHUP)

    def moved():
        shown = [link for link in c.status()["links"] if link["address"] == "127.0.0.1:1"]
        if any(link["connected"] for link in shown):
            raise AssertionError("it is shown as up where nobody listens")
        return shown
    until("it shows the new address", moved)
    return (*doctor_until("cannot reach it at 127.0.0.1:1", c.coordinator), "c1 cannot reach it at 127.0.0.1:1: Connection refused",
            "none: transactions that touch it abort", r"or correct .*c1\.conf:2 if it is not at 127\.0\.0\.1:1")


def coordinator_not_named(stage):
    stage.build()
    c = stage.start()
    p2 = c.participants["p2"]
    p2.terminate()
    flags = p2.arguments()
    p2.arguments = lambda: [*flags, "--coordinator", "c9=127.0.0.1:1"]
    p2.start()
    return (*doctor_until("UNKNOWN_SENDER", c.coordinator), "no coordinator named c1 is configured at p2", "none: transactions that touch it abort", "name c1 in the settings of p2")


def wrong_cluster(stage):
    stage.build()
    c = stage.start()
    p2 = c.participants["p2"]
    p2.kill()
    stranger = Daemon(c, "x2", p2.program, p2.arguments)
    subprocess.run([os.path.join(BIN, p2.program), "init", "--data-dir", stranger.data, "--name", "p2", "--cluster", "blue"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["sqlite3", os.path.join(c.dir, "x2.db"), c.SCHEMA], check=True)
    flags = ["--database", os.path.join(c.dir, "x2.db"), *PARTICIPANT]
    stranger.arguments = lambda: flags
    stranger.address = p2.address
    c.participants["x2"] = stranger
    stranger.start()
    return (*doctor_until("cluster", c.coordinator), "belongs to cluster", "none: transactions that touch it abort", "correct participant = p2=HOST:PORT")


def participant_silent(stage):
    stage.build()
    c = stage.start()
    c.participants["p2"].process.send_signal(signal.SIGSTOP)
    until("the link is down", lambda: not linked(c, c.coordinator, "p2"), 40)
    found = doctor_until("answer", c.coordinator, 30)
    return (*found, "no answer in time|does not answer", "none: transactions that touch it abort", "see whether the process of p2 is stopped")


def participant_drained(stage):
    stage.build()
    c = stage.start()
    c.cli("participant", "drain", "p2", "--reason", "new disk")
    return (*troth("doctor", "-e", c.coordinator.address), "participant p2: drained by an operator", "risk: +none", "troth participant resume p2")


def member_down(stage):
    stage.build()
    c = stage.start(c1="coordinator.precommit.durable=kill")
    c.transfer("t1", "--protocol", "three_phase", "--timeout", "2s")
    c.coordinator.wait()
    c.participants["p2"].kill()
    return (*doctor_until("participant p2: not connected", c.participants["p1"]), "participant p2: not connected", "none: only three-phase transactions", "start p2 again")


def decided_by_hand(stage):
    stage.build()
    c = stage.start(c1="coordinator.commit.durable=kill")
    c.transfer("t1", "--timeout", "2s")
    c.coordinator.wait()
    p1 = c.participants["p1"]
    until("the link is down", lambda: not linked(c, p1, "c1"))
    gtid = json.loads(c.cli_at(p1, "txn", "list", "--in-doubt", "-o", "json").stdout)["transactions"][0]["txn_id"]
    c.cli_at(p1, "txn", "resolve", gtid, "--commit", "--reason", "a guess", "--operator", "ann", "--confirm", gtid[-6:])
    return (*doctor_until("was committed here by ann", p1), "was committed here by ann", "possible: a decision by hand may differ", "troth txn list --in-doubt")


def lost_and_not_repaired(stage):
    stage.build()
    c = stage.start(p2="participant.commit.received=kill")
    c.transfer("t1")
    c.participants["p2"].wait()
    until("p2 is declared lost", lambda: c.cli("participant", "lost", "p2", "--operator", "ann", "--reason", "disk burnt", "--confirm", "p2").returncode == 0)
    return (*doctor_until("never confirmed by", c.coordinator), "1 transaction committed and never confirmed by p2", "YES: what they were to write there", "troth txn list --in-doubt")


def database_replaced(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    other = os.path.join(c.dir, "other.db")
    subprocess.run(["sqlite3", other, c.SCHEMA], check=True)
    os.rename(c.database("p2"), c.database("p2") + ".moved")
    os.rename(other, c.database("p2"))
    found = doctor_until("files changed", p2)
    doctor_until("do not restart it", c.coordinator)
    if p2.process.poll() is not None:
        raise AssertionError("it ended, and took the last copy with it")
    return (*found, r"p2\.db is another file now.*/proc/\d+/fd/\d+", "YES: what it wrote last", "do not stop it before those are copied")


def wal_deleted(stage):
    """Then the page, to its end: what the process holds open is copied back, and nothing is missing."""
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p2 = c.participants["p2"]
    os.remove(c.database("p2") + "-wal")
    found = doctor_until("files changed", p2)
    stage.record()
    for fd in re.findall(r"/proc/\d+/fd/\d+", found[1]):
        name = os.path.basename(os.readlink(fd).removesuffix(" (deleted)"))
        shutil.copy(fd, os.path.join(c.dir, "rescued-" + name))
    p2.kill()
    for name in (os.path.basename(c.database("p2")) + end for end in ("", "-wal")):
        shutil.copy(os.path.join(c.dir, "rescued-" + name), os.path.join(c.dir, name))
    p2.start()
    until("it works again", lambda: c.transfer("t2").returncode == 0)
    c.settle()
    if [row[0] for row in c.read("p2", "SELECT gid FROM did ORDER BY gid")] != ["t1", "t2"]:
        raise AssertionError("what was rescued is not what was committed")
    return (*found, r"p2\.db-wal was deleted or moved away", "YES: what it wrote last", "do not stop it before those are copied")


def segment_deleted(stage):
    """The next commit is not acknowledged; the process stays, and what it holds is the log."""
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    data = pathlib.Path(c.coordinator.data)
    segment = sorted(data.glob("*.log"))[-1]
    os.remove(segment)
    if c.transfer("t2", "--timeout", "3s").returncode == 0:
        raise AssertionError("a commit was acknowledged into a deleted segment")
    found = doctor_until("files changed", c.coordinator)
    stage.record()
    held = re.search(r"/proc/\d+/fd/\d+", found[1])
    if not held or segment.name not in os.readlink(held[0]):
        raise AssertionError(f"doctor does not say where the segment is: {found[1]}")
    kept = os.path.join(c.dir, "rescued")
    shutil.copy(held[0], kept)
    c.coordinator.kill()
    shutil.copy(kept, segment)
    subprocess.run([os.path.join(BIN, "troth-coordinator"), "adopt", "--data-dir", c.coordinator.data], check=True, stdout=subprocess.DEVNULL)
    c.coordinator.start()
    # Another row: what was undecided stays in doubt after adopt, and holds its own.
    until("it works again", lambda: c.transfer("t3", row=2).returncode == 0)
    return (*found, f"{segment.name} was deleted or moved away", "YES: what it wrote last", "do not stop it before those are copied")


def keys_deleted(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1", "--key", "k1")
    c.settle()
    os.remove(os.path.join(c.coordinator.data, "keys.db"))
    return (*doctor_until("files changed", c.coordinator), r"keys\.db was deleted or moved away", "YES: what it wrote last", "do not stop it before those are copied")


def pair_mixed_up(stage):
    """The log of p1 with the database of p2."""
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p1, p2 = c.participants.values()
    p1.terminate()
    p2.terminate()
    return (*troth("doctor", "--data-dir", p1.data, "--database", c.database("p2")), "belongs to|another log|of another", "YES: one of the two is older|possible|none", "next:")


def copied_directory(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.settle()
    p1 = c.participants["p1"]
    p1.terminate()
    copy = p1.data + ".copy"
    shutil.copytree(p1.data, copy)
    return (*troth("doctor", "--data-dir", copy, "--database", c.database("p1")), "copy", "possible: nothing is lost while the node is down", "find the original and start that")


def newest_segment_missing(stage):
    stage.build(coordinator_flags=(*COORDINATOR, "--segment-bytes", "64KiB"))
    c = stage.start()
    numbers = iter(range(10**6))
    until("there are several segments", lambda: c.transfer(f"t{next(numbers)}", "--comment", "c" * 4000).returncode == 0
          and len(list(pathlib.Path(c.coordinator.data).glob("*.log"))) > 2)
    c.coordinator.terminate()
    os.remove(sorted(pathlib.Path(c.coordinator.data).glob("*.log"))[-1])
    return (*troth("doctor", "--data-dir", c.coordinator.data), r"\.log", "YES: what this log promised may be lost", "copy the directory, then troth log verify")


def keys_full(stage):
    stage.build(coordinator_flags=(*COORDINATOR, "--max-retained-keys", "3"))
    c = stage.start()
    for i in range(6):
        c.transfer(f"t{i}", "--key", f"k{i}")
    return (*doctor_until("max-retained-keys", c.coordinator), "max-retained-keys is reached", "none: only requests with a new idempotency key", "raise max-retained-keys")


def nobody_answers(stage):
    stage.build()
    c = stage.start()
    c.transfer("t1")
    c.coordinator.kill()
    until("its participants notice", lambda: not any(linked(c, daemon, "c1") for daemon in c.participants.values()))
    return (*troth("doctor", "-e", c.coordinator.address), "Connection refused", "none: while it is down, what it promised is in its log", "start it again with the same data directory")


INCIDENTS = (lost_memory_after_a_restart, made_anew, quarantined, coordinator_replaced, participant_removed, many_in_doubt, descriptors_short, in_doubt_after_a_restart, addresses_exchanged, participant_moved, moved_to_nowhere, coordinator_not_named, wrong_cluster, participant_silent, participant_drained, member_down, decided_by_hand, lost_and_not_repaired,
             database_replaced, wal_deleted, segment_deleted, keys_deleted, pair_mixed_up, copied_directory, newest_segment_missing, keys_full, nobody_answers)
ALERTS = {"lost-memory-after-a-restart": "TrothAmnesia", "made-anew": "TrothAmnesia", "in-doubt-after-a-restart": "TrothBranchInDoubt", "quarantined": "TrothDataAtRisk",
          "addresses-exchanged": "TrothParticipantDown", "moved-to-nowhere": "TrothParticipantDown", "many-in-doubt": "TrothBranchInDoubt", "descriptors-short": "TrothDescriptorsShort", "coordinator-not-named": "TrothParticipantDown",
          "wrong-cluster": "TrothParticipantDown", "participant-silent": "TrothParticipantDown", "member-down": "TrothCoordinatorDown",
          "decided-by-hand": "TrothDataAtRisk", "lost-and-not-repaired": "TrothDataAtRisk", "pair-mixed-up": "TrothParticipantDown",
          "database-replaced": "TrothDataAtRisk", "wal-deleted": "TrothDataAtRisk", "segment-deleted": "TrothDataAtRisk", "keys-deleted": "TrothDataAtRisk",
          "copied-directory": "TrothParticipantDown", "keys-full": "TrothNotReady", "nobody-answers": "TrothCoordinatorDown",
          "newest-segment-missing": "TrothCoordinatorDown"}

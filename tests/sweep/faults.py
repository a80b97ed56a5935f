"""Every fault there is: the fail points compiled into each daemon, read from the sources, and the system calls that may fail."""
import collections
import pathlib
import re

# Which folders are linked into which daemon. A fail point in any other folder stops the sweep.
LINKED = {"coordinator": ("c1",), "participant": ("p1",), "wal": ("c1", "p1"), "recovery": ("c1", "p1"), "base": ("c1", "p1"),
          "protocol": ("c1", "p1"), "thrift": ("c1", "p1")}
PLACED = re.compile(r'(?:TROTH|SENT)_FAILPOINT(?:_STATUS)?\("([^"]+)"\)')

# Of a recovery sweep: where the victim dies first, with how many hits before, so that recovery has something to do.
FIRST_CRASH = {"c1": ("coordinator.commit.durable=kill@4", "coordinator.prepare.sent_all=kill@9", "coordinator.commit.sent_one=kill@5",
                      "coordinator.precommit.durable=kill@3"),
               "p1": ("participant.prepared.durable=kill@6", "participant.committed.durable=kill@5", "sqlite.commit.before=kill@1")}

# call set, error, must the daemon stop whenever it happens?
CALLS = (("fsync,fdatasync", "EIO", True),
         ("fsync,fdatasync", "ENOSPC", True),
         ("pwrite64", "EIO", False),
         ("pwrite64", "ENOSPC", False),
         ("fallocate", "ENOSPC", False),
         ("fallocate", "EIO", False),
         ("ftruncate", "EIO", False),
         ("rename,unlink", "EIO", False))

DEVICES = (("c1", "log"), ("p1", "log"), ("p1", "database"))

Series = collections.namedtuple("Series", "phase victim what")
"""Scenarios that differ in the hit (or in k) only, run from 1 on until nothing fires any more."""


def fail_points(root):
    """[(daemon, point)] of everything compiled in."""
    root = pathlib.Path(root)
    listed = re.findall(r'^TROTH_FAILPOINT_NAME\("([^"]+)"', (root / "os/failpoint.def").read_text(), re.M)
    placed = collections.defaultdict(set)
    for folder, daemons in LINKED.items():
        for path in (root / folder).rglob("*.cc"):
            for point in PLACED.findall(path.read_text()):
                placed[point].update(daemons)
    missing = [point for point in listed if point not in placed]
    if missing:
        raise SystemExit(f"listed in os/failpoint.def, but compiled into no daemon: {missing}")
    return [(daemon, point) for daemon in ("c1", "p1") for point in listed if daemon in placed[point]]


def all_series(root, power):
    actions = ("kill", "power") if power else ("kill",)
    crashes = ("kill", "power", "blackout") if power else ("kill",)
    points = fail_points(root)
    out = [Series(action, daemon, point) for daemon, point in points for action in crashes]
    for daemon, point in points:
        for number in range(len(FIRST_CRASH[daemon])):
            out += [Series(f"recovery{number + 1}-{action}", daemon, point) for action in actions]
    for daemon in ("c1", "p1"):
        for calls, error, _ in CALLS:
            for when in ("start", "run"):
                out.append(Series("error-" + when, daemon, f"{calls}:{error}"))
    return out + ([Series("device", *below) for below in DEVICES] if power else [])

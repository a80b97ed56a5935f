"""What an operator sees: a command on a terminal of 80 columns."""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

from harness import BIN

COLUMNS = 80


def screen(*words):
    """The command and its output, line by line, as a terminal of 80 columns shows it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen([os.path.join(BIN, "troth"), *words], stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=dict(os.environ, NO_COLOR="1"))
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:
        pass  # a terminal ends so when its last writer has gone
    os.close(ours)
    process.wait(60)
    return f"$ troth {' '.join(words)}\n" + said.decode().replace("\r\n", "\n")


class Screens:
    """What doctor and status showed when the incident was found; kept if a directory is given."""
    directory = None
    last = ""

    @classmethod
    def look(cls, words):
        if cls.directory is None or words[0] != "doctor":
            return
        cls.last = screen(*words)
        if "-e" in words:
            cls.last += "\n" + screen("status", *words[1:])

    @classmethod
    def keep(cls, name, cluster_dir):
        """False: a line is too wide."""
        if cls.directory is None:
            return True
        os.makedirs(cls.directory, exist_ok=True)
        with open(os.path.join(cls.directory, name + ".txt"), "w") as file:
            file.write(cls.last.replace(cluster_dir, "/var/lib/troth"))
        for line in (wide := too_wide(cls.last)):
            print(f"{name}: more than {COLUMNS} columns: {line}", file=sys.stderr)
        return not wide


def too_wide(text):
    """Lines that a terminal of 80 columns would break; a single word that is too long stays whole, so that it can be copied."""
    return [line for line in text.splitlines() if len(line) > COLUMNS and len(line.split()) > 1 and not line.startswith("$ ")]

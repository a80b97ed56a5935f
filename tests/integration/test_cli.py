"""Every command in every format against golden files (tests/integration/golden). TROTH_GOLDEN=update rewrites them: read the diff."""
import difflib
import json
import os
import pathlib
import pty
import re
import subprocess
import unittest

from harness import BIN, Case

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
FORMATS = ("table", "json", "jsonl", "plain")


def without_counters(text):
    """Their names are for machines and grow with every feature."""
    return re.sub(r"^counters\..*\n", "", re.sub(r'"counters": ?\{[^}]*\}', '"counters": {}', text), flags=re.M)


def without_positions(text):
    """How far a peer's log was seen is written when there is time."""
    text = re.sub(r',\n    \{\n      "lsn": \d+,\n      "type": "SEEN",\n.*\n.*\n    \}\n', "\n", text)  # it is the last one
    text = re.sub(r'    \{\n      "lsn": \d+,\n      "type": "SEEN",\n.*\n.*\n    \},?\n', "", text)
    return re.sub(r"^.*\bSEEN\b.*\n", "", text, flags=re.M)


def normal(text, cluster):
    """What differs from run to run becomes a word; numbers become #."""
    text = text.replace(cluster.dir, "DIR")
    text = without_counters(text)
    text = without_positions(text)
    text = re.sub(r"^tries .*\n", "", text, flags=re.M)  # only there when an answer was slow
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", text)
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "TXN", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "LOG", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"\b\d+d \d+h\b|\b\d+h \d+m\b|\b\d+m \d+s\b|\b\d+(\.\d+)? (ms|s)\b", "AGE", text)
    text = re.sub(r"(?<![A-Za-z])-?\d+(\.\d+)*", "#", text)
    return "".join(re.sub(r"^ +(#|\+AGE)", r"\1", re.sub(r"(?<=\S) {2,}", "  ", line)).rstrip() + "\n" for line in text.splitlines())


class CommandLine(Case):
    def setUp(self):
        self.c = self.cluster().start()
        self.assertEqual(self.c.transfer("t1", "--comment", "checkout #1").returncode, 0)
        self.c.settle()
        self.gtid = json.loads(self.c.cli("txn", "list", "--recent", "-o", "json").stdout)["transactions"][0]["txn_id"]
        self.config = os.path.join(self.c.dir, "c.conf")
        pathlib.Path(self.config).write_text("grace = 3s\nparticipant = a=127.0.0.1:1\n")

    def commands(self):
        p1 = self.c.participants["p1"]
        at = ["-e", p1.address]
        return [["help"], ["status"], ["status", *at], ["status", "--check"], ["doctor"], ["doctor", "--data-dir", p1.data], ["txn", "list"],
                ["txn", "list", "--in-doubt"], ["txn", "list", "--recent"], ["txn", "show", self.gtid], ["txn", "show", self.gtid[-6:], *at],
                ["txn", "show", "NOTHERE"], ["txn", "watch", self.gtid], ["txn", "retry", "--all", "--operator", "ann", "--reason", "why not"],
                ["txn", "resolve", self.gtid, "--abort", "--dry-run"], ["txn", "resolve", self.gtid], ["txn", "forget", self.gtid, "--dry-run", *at],
                ["participant", "list"], ["participant", "orphans"], ["participant", "locks", "p1"], ["participant", "locks", "p1", "--all"],
                ["participant", "locks", "p1", *at], ["participant", "locks", "nobody"],
                ["participant", "locks"], ["txn", "list", "--active"],
                ["txn", "list", "--state", "committed", "--limit", "1"], ["txn", "list", "--participant", "p2", "--older-than", "1s"], ["txn", "list", "--older", "1s"], ["participant", "drain", "p2", "--operator", "ann", "--reason", "disk"],
                ["participant", "resume", "p2", "--operator", "ann"], ["participant", "show", "nobody"], ["participant", "lost", "p2", "--dry-run"], ["participant", "lost", "nobody", "--dry-run"], ["participant", "lost"], ["audit"],
                ["outcome", self.gtid],
                ["submit", "--on", "p1", "SELECT id, v FROM a WHERE id = 7"], ["submit", "--on", "p1", "UPDATE a SET v = -1"],
                ["submit", "--on", "nobody", "SELECT 1"], ["log", "verify", p1.data], ["log", "stats", p1.data], ["log", "dump", p1.data],
                ["log", "verify", "/nonexistent"], ["config", "show", "--origin", "--config", self.config], ["config", "check", "--role", "participant"],
                ["config", "check", "--config", "/nonexistent"], ["version"], ["statsu"], ["txn", "lsit"], ["status", "--nonsense"],
                ["-e", "127.0.0.1:1", "status"]]

    def test_golden(self):
        self.maxDiff = None
        env = {k: v for k, v in os.environ.items() if not k.startswith("TROTH_")}
        for form in FORMATS:
            out = []
            for words in self.commands():
                command = [os.path.join(BIN, "troth"), *([] if "-e" in words else ["-e", self.c.coordinator.address]), *words, "-o", form]
                reply = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
                self.assertNotIn("\x1b", reply.stdout + reply.stderr, "escape sequences off a terminal")
                self.check_format(form, words, reply)
                shown = " ".join("TAIL" if word == self.gtid[-6:] else word for word in words)
                text = f"$ troth {shown}\n{reply.stdout}" + (f"--- stderr\n{reply.stderr}" if reply.stderr else "")
                out.append(normal(text, self.c) + f"--- exit {reply.returncode}\n")
            text = "\n".join(out)
            path = GOLDEN / f"cli.{form}.txt"
            if os.environ.get("TROTH_GOLDEN") == "update":
                path.write_text(text)
            if path.read_text() != text:
                self.fail("".join(difflib.unified_diff(path.read_text().splitlines(True), text.splitlines(True), str(path), "now")))

    def check_format(self, form, words, reply):
        if reply.stdout and words[0] != "help" and form in ("json", "jsonl"):
            lines = [reply.stdout] if form == "json" else reply.stdout.splitlines()
            for line in lines:
                body = json.loads(line)
                if words[:2] != ["log", "dump"]:
                    self.assertRegex(body["schema"], r"^troth\.[a-z.]+/1$")
        if reply.stderr and form in ("json", "jsonl") and reply.returncode != 0:
            for line in reply.stderr.splitlines():
                if line.startswith("{"):
                    self.assertEqual(json.loads(line)["schema"], "troth.error/1")
        if form == "plain" and reply.stdout and words[0] != "help" and words[0] != "completion":
            for line in reply.stdout.splitlines():
                self.assertIn("\t", line, words)

    def on_a_terminal(self, *words, **env):
        """What a person sees: 80 columns, a real terminal."""
        try:
            master, slave = pty.openpty()
        except OSError as error:
            self.skipTest(f"no pseudo-terminals here: {error}")
        os.set_inheritable(slave, True)
        subprocess.run(["stty", "cols", "80", "rows", "24"], stdin=slave, check=True)
        base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
        process = subprocess.Popen([os.path.join(BIN, "troth"), "-e", self.c.coordinator.address, *words], stdout=slave, env={**base, "TERM": "xterm", **env})
        os.close(slave)
        out = b""
        while True:
            try:
                block = os.read(master, 4096)
            except OSError:
                break
            if not block:
                break
            out += block
        process.wait(20)
        os.close(master)
        return out.decode()

    def test_colour_only_where_it_is_wanted(self):
        self.c.participants["p2"].kill()
        while self.c.cli("doctor").returncode == 0:
            pass
        self.assertIn("\x1b[1;31m", self.on_a_terminal("doctor"))
        for words, env in ((("--no-color",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"})):
            self.assertNotIn("\x1b", self.on_a_terminal("doctor", *words, **env))
        for command in ("status", "txn list --recent", "participant list"):
            for line in self.on_a_terminal(*command.split()).splitlines():
                line = re.sub(r"\x1b\[[0-9;]*m", "", line)
                self.assertLessEqual(len(line), 80 if "   " in line or "  " in line else 200, line)

    def test_completion_scripts_are_scripts(self):
        for shell in ("bash", "zsh", "fish"):
            script = subprocess.run([os.path.join(BIN, "troth"), "completion", shell], capture_output=True, text=True, check=True).stdout
            for word in ("resolve", "orphans", "doctor", "jsonl"):
                self.assertIn(word, script, shell)
        probe = 'source <("$0" completion bash); COMP_WORDS=(troth txn re); COMP_CWORD=2; _troth; echo "${COMPREPLY[*]}"'
        reply = subprocess.run(["bash", "-c", probe, os.path.join(BIN, "troth")], capture_output=True, text=True, check=True)
        self.assertEqual(reply.stdout.split(), ["retry", "resolve"])

    def test_every_topic_of_help(self):
        topics = ("submit outcome status doctor txn sql query shell participant audit log bench demo config completion examples exit-codes states "
                  "formats").split()
        for topic in topics:
            reply = self.c.cli("help", topic)
            self.assertEqual(reply.returncode, 0, topic)
            for line in reply.stdout.splitlines():
                self.assertLessEqual(len(line), 80, line)
        self.assertEqual(self.c.cli("help", "nonsense").returncode, 4)


if __name__ == "__main__":
    unittest.main()

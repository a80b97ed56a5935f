"""Man pages, completions and example configuration out of the programs themselves: pages.py BIN SOURCE OUT"""
import gzip
import pathlib
import re
import subprocess
import sys

bin_dir, source, out = (pathlib.Path(p) for p in sys.argv[1:4])


def run(program, *words):
    return subprocess.run([bin_dir / program, *words], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}).stdout


def roff(text):
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def page(name, section, title, synopsis, *parts):
    version = re.search(r"project\(troth VERSION ([0-9.]+)", (source / "CMakeLists.txt").read_text())[1]
    text = f'.TH {name.upper()} {section} "" "troth {version}" "troth"\n.SH NAME\n{name} \\- {title}\n.SH SYNOPSIS\n.nf\n{roff(synopsis)}\n.fi\n'
    for heading, body in parts:
        text += f".SH {heading.upper()}\n.nf\n{roff(body.rstrip())}\n.fi\n"
    target = out / "man" / f"{name}.{section}.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


for shell, name in (("bash", "troth.bash"), ("zsh", "_troth"), ("fish", "troth.fish")):
    target = out / "completion" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(run("troth", "completion", shell))

topics = ("submit", "outcome", "status", "doctor", "txn", "participant", "peer", "audit", "log", "config", "states", "formats", "exit-codes", "examples")
page("troth", 1, "one transaction, several databases, everywhere or nowhere", "troth COMMAND [WORDS] [FLAGS]", ("description", run("troth", "help")),
     *((topic, run("troth", "help", topic)) for topic in topics), ("see also", "troth-coordinator(8), troth-participant(8), troth.conf(5)"))
for role, title in (("coordinator", "makes one transaction atomic across many databases"), ("participant", "agent beside one SQLite database")):
    program = f"troth-{role}"
    help_text = run(program, "--help")
    page(program, 8, title, f"{program} [init|adopt{'|detach' if role == 'participant' else ''}] --data-dir DIR [SETTINGS]", ("description", help_text), ("see also", "troth(1), troth.conf(5)"))
example = {role: run("troth", "config", "example", "--role", role) for role in ("coordinator", "participant")}
page("troth.conf", 5, "settings of the troth daemons", "/etc/troth/coordinator.conf\n/etc/troth/participant-NAME.conf", ("coordinator", example["coordinator"]),
     ("participant", example["participant"]), ("see also", "troth-coordinator(8), troth-participant(8)"))
(out / "coordinator.conf").write_text(example["coordinator"].replace("#data-dir = ", "data-dir = /var/lib/troth/coordinator").replace("#http = ", "#http = 127.0.0.1:7421"))
(out / "participant.conf").write_text(example["participant"].replace("#data-dir = ", "data-dir = /var/lib/troth/NAME").replace("#database = ", "database = /var/lib/troth/NAME.db"))

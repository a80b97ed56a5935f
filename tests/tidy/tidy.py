"""The house rules as a test: who may include whom, what the pure folders must never see, docs that match the code."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
problems = []

MAY_INCLUDE = {
    "include": set(),  # public headers include each other as troth/...
    "base": {"base"},
    "os": {"base", "os"},
    "protocol": {"base", "protocol"},
    "wal": {"base", "os", "wal"},
    "recovery": {"base", "os", "protocol", "wal", "recovery"},
    "engine": {"base", "os", "protocol", "recovery", "engine"},
    "history": {"base", "os", "protocol", "history"},
    "coordinator": {"base", "os", "protocol", "wal", "recovery", "engine", "history", "coordinator"},
    "participant": {"base", "os", "protocol", "wal", "recovery", "engine", "participant"},
    "tls": {"base", "os", "protocol", "tls"},
    "access": {"base", "os", "protocol", "access"},
    "thrift": {"base", "os", "protocol", "access", "tls", "thrift"},
    "diagnosis": {"base", "os", "protocol", "diagnosis"},
    "json": {"base", "protocol", "diagnosis", "json"},
    "http": {"base", "os", "protocol", "access", "tls", "diagnosis", "json", "http"},
    "daemon": {"base", "os", "protocol", "wal", "recovery", "engine", "access", "tls", "thrift", "http", "daemon"},
    "bench": {"base", "os", "protocol", "json", "bench"},
    "cli": {"base", "os", "protocol", "tls", "wal", "recovery", "thrift", "diagnosis", "json", "bench", "cli"},
}
# Sub-folders that may include less than the whole folder (besides base/ and the folder itself).
PARTS_MAY_INCLUDE = {
    "participant/locks": set(),
    "participant/sqlite": {"os", "protocol", "participant"},
    "thrift/wire": {"os", "protocol", "tls"},
    "thrift/convert": {"protocol"},
    "thrift/peer": {"access", "os", "protocol", "tls"},
    "thrift/server": {"access", "os", "protocol", "tls"},
    "thrift/client": {"protocol", "tls"},
}
IMPURE = re.compile(r"<(thread|mutex|atomic|condition_variable|future|random|fstream|filesystem|unistd\.h|sys/.*)>|::now\(|sqlite3|spdlog")

for folder, allowed in MAY_INCLUDE.items():
    for path in sorted((root / folder).rglob("*")):
        if path.suffix not in (".h", ".cc") or "peers" in path.parts:  # bench/peers: programs of their own
            continue
        name = path.relative_to(root)
        text = path.read_text()
        here = str(name.parent)
        allowed_here = PARTS_MAY_INCLUDE[here] | {"base", folder} if here in PARTS_MAY_INCLUDE else allowed
        # cli/start_look.cc makes the checks of a participant's start, for a daemon that does not run.
        wiring = path.name == "main.cc" or str(name) == "cli/start_look.cc"
        for number, line in enumerate(text.splitlines(), 1):
            include = re.match(r'#include "([a-z]+)/', line)
            if include and not wiring and include[1] in MAY_INCLUDE and include[1] not in allowed_here:
                problems.append(f"{name}:{number}: {here if here in PARTS_MAY_INCLUDE else folder}/ must not include {include[1]}/")
            if "sqlite3.h" in line and not str(name).startswith(("participant/sqlite/", "history/")) and str(name) != "cli/merge.cc":
                problems.append(f"{name}:{number}: sqlite3.h belongs to participant/sqlite/ and history/ (and cli/merge.cc)")
            if folder == "protocol" and IMPURE.search(line):
                problems.append(f"{name}:{number}: protocol/ is pure: {line.strip()}")
            if folder not in ("bench", "history") and str(name) != "os/mutex.h" and re.search(r"std::(shared_)?mutex \w+;|guarded by ", line):
                problems.append(f"{name}:{number}: a lock that clang can check, please: os/mutex.h")
            if "\t" in line:
                problems.append(f"{name}:{number}: tab")
        if len(text.splitlines()) > 520:
            problems.append(f"{name}: {len(text.splitlines())} lines: split it")

points = re.findall(r'^TROTH_FAILPOINT_NAME\("([^"]+)"', (root / "os/failpoint.def").read_text(), re.M)
documented = re.findall(r"^\| `([^`]+)` \|", (root / "docs/reference/failpoints.md").read_text(), re.M)
if points != documented:
    problems.append(f"docs/reference/failpoints.md differs from os/failpoint.def: {set(points) ^ set(documented)}")
sources = "".join(p.read_text() for folder in MAY_INCLUDE for p in (root / folder).rglob("*.cc"))  # nothing below a build that runs beside this
for point in points:
    if f'"{point}"' not in sources:
        problems.append(f"fail point {point} is listed but placed nowhere")
codes = re.findall(r'CodeRow\{(?:AbortCode|sqlite_refusal)::k\w+,\s*"([A-Z_]+)"', (root / "protocol/outcome.cc").read_text())
documented = re.findall(r"^\| `([^`]+)` \|", (root / "docs/reference/error-codes.md").read_text(), re.M)
if codes != documented:
    problems.append(f"docs/reference/error-codes.md differs from protocol/outcome.cc: {set(codes) ^ set(documented)}")

page = (root / "docs/reference/permissions.md").read_text()
actions = re.findall(r'\{Action::k\w+, "(\w+)"\}', (root / "protocol/policy.cc").read_text())
documented = re.findall(r"^\| `([^`]+)` \|", page, re.M)
if actions != documented:
    problems.append(f"docs/reference/permissions.md differs from protocol/policy.cc: {set(actions) ^ set(documented)}")
for idl in sorted((root / "thrift/idl").glob("*.thrift")):
    for method in re.findall(r"^  \w+ (\w+)\(1: \w+ request\)", idl.read_text(), re.M):
        if f"`{method}`" not in page:
            problems.append(f"docs/reference/permissions.md: which action is {method} of {idl.name}?")

def files(*suffixes):
    """Sources and documents, without what builds have made."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.suffix in suffixes and path.is_file() and not parts[0].startswith(("build", ".git")) and "node_modules" not in parts:
            yield path


def anchor(heading):
    """How a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


for page in files(".md"):
    name, fenced, text = page.relative_to(root), False, page.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        # A table's row cannot be broken. What a runbook shows in a fence is what a command has printed.
        transcript = fenced and "runbooks" in page.parts
        if len(line) > 120 and not line.lstrip().startswith("|") and not transcript:
            problems.append(f"{name}:{number}: {len(line)} columns, at most 120")
    for link, fragment in re.findall(r"\]\(([^)#:\s]*)(?:#([^):\s]*))?\)", text):
        target = page.parent / link if link else page
        if not target.exists():
            problems.append(f"{name}: link to {link}, which does not exist")
        elif fragment and target.suffix == ".md":
            if fragment not in [anchor(h) for h in re.findall(r"^#+ (.*)", target.read_text(), re.M)]:
                problems.append(f"{name}: link to {link}#{fragment}, a heading that does not exist")

# A comment that cites a document must name one that is there: from the root, beside the file, or in docs/.
for path in files(".h", ".cc", ".py", ".sh", ".txt", ".thrift", ".def", ".cmake"):
    for cited in set(re.findall(r"(?<![\w/.{}*-])((?:\.\./)*\w[\w./-]*\.md)\b", path.read_text())):
        if not any((place / cited).exists() for place in (root, path.parent, root / "docs", root / "docs/runbooks")):
            problems.append(f"{path.relative_to(root)}: cites {cited}, which does not exist")

# The same for sources that a comment in C++ names: a path from the root, or the end of one.
every_source = [str(path.relative_to(root)) for path in files(".h", ".cc", ".py", ".sh", ".thrift", ".def", ".pml")]
for path in files(".h", ".cc", ".thrift"):
    comments = "\n".join(re.findall(r"//.*|^ *\*.*|/\*.*", path.read_text(), re.M))
    for cited in set(re.findall(r"(?<![\w/.<*-])(\w[\w/-]*\.(?:h|cc|py|sh|thrift|def|pml))\b", comments)):
        if cited != "sqlite3.h" and not any(source == cited or source.endswith("/" + cited) for source in every_source):
            problems.append(f"{path.relative_to(root)}: cites {cited}, which does not exist")

# The folder map repeats the include tables: every folder, with what it may include besides base/ and itself.
rows = re.findall(r"^\| \[([\w/]+)/\]\([^)]*\) \| .* \| ([^|]*) \|$", (root / "docs/architecture.md").read_text(), re.M)
folder_map = {"include" if folder == "include/troth" else folder: column.strip() for folder, column in rows}
for folder, allowed in {**MAY_INCLUDE, **PARTS_MAY_INCLUDE}.items():
    column = ", ".join(sorted(allowed - {"base", folder})) or "itself"
    if folder_map.get(folder) != column:
        problems.append(f"docs/architecture.md: the folder map says that {folder}/ may include {folder_map.get(folder)}, and tests/tidy/tidy.py {column}")

# Diagrams in comments stay as they were drawn.
if not re.search(r"^ReflowComments: false$", (root / ".clang-format").read_text(), re.M):
    problems.append(".clang-format: without `ReflowComments: false` it scrambles the state diagrams in protocol/")
for header in ("protocol/global_commit.h", "protocol/branch.h", "protocol/quorum_ballot.h"):
    if not re.search(r"^//[ |]*\|$", (root / header).read_text(), re.M):
        problems.append(f"{header}: its state diagram is gone, or was reflowed")

# The transitions below a diagram name, in brackets, functions and events of the same header: [on_tick, Cancel].
for path in sorted((root / "protocol").glob("*.h")):
    text = path.read_text()
    comments = re.sub(r"\n// *", " ", "\n".join(line for line in text.splitlines() if line.startswith("//")))
    for names in re.findall(r"-> [^\[\]]*\[([^\]]*)\]", comments):
        for name in re.findall(r"\w+", names.split(":")[0]):
            if not re.search(rf"^ *(?:void {name}\(|struct {name} {{)", text, re.M):
                problems.append(f"{path.relative_to(root)}: a transition names {name}, which the header does not declare")

# The way of one submit in docs/architecture.md: at most 20 steps, and each function is where the page says.
steps = re.findall(r"^\| (\d+) \| \[[^]]*\]\(\.\./([^)]*)\) \| `([\w:]+)` \|", (root / "docs/architecture.md").read_text(), re.M)
if not 10 <= len(steps) <= 20 or [int(s[0]) for s in steps] != list(range(1, len(steps) + 1)):
    problems.append(f"docs/architecture.md: the way of one submit has {len(steps)} steps, numbered {[s[0] for s in steps]}")
for number, path, function in steps:
    if not (root / path).exists() or not re.search(rf"\b{function}\(", (root / path).read_text()):
        problems.append(f"docs/architecture.md: step {number}: there is no {function}() in {path}")

settings = re.findall(r'\{\s*"([a-z-]+)",\s*SettingKind::', (root / "os/daemon_settings.cc").read_text())
documented = re.findall(r"^\| `([^`]+)` \|", (root / "docs/reference/settings.md").read_text(), re.M)
if set(settings) != set(documented):
    problems.append(f"docs/reference/settings.md differs from os/daemon_settings.cc: {set(settings) ^ set(documented)}")
metrics = re.findall(r'^ *{"([a-z_]+)", (?:counter|gauge|histogram),', (root / "http/metrics.cc").read_text(), re.M)
metrics = [m if m.startswith("process_") else "troth_" + m for m in metrics]
documented = re.findall(r"^\| `([^`]+)` \|", (root / "docs/reference/metrics.md").read_text(), re.M)
if metrics != documented:
    problems.append(f"docs/reference/metrics.md differs from http/metrics.cc: {set(metrics) ^ set(documented)}")

print("\n".join(problems) or "tidy")
sys.exit(1 if problems else 0)

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
    "coordinator": {"base", "os", "protocol", "wal", "recovery", "engine", "coordinator"},
    "participant": {"base", "os", "protocol", "wal", "recovery", "engine", "participant"},
    "thrift": {"base", "os", "protocol", "thrift"},
    "json": {"base", "protocol", "json"},
    "http": {"base", "os", "protocol", "json", "http"},
    "bench": {"base", "os", "protocol", "json", "bench"},
    "cli": {"base", "os", "protocol", "wal", "recovery", "thrift", "json", "bench", "cli"},
}
IMPURE = re.compile(r"<(thread|mutex|atomic|condition_variable|future|random|fstream|filesystem|unistd\.h|sys/.*)>|::now\(|sqlite3|spdlog")

for folder, allowed in MAY_INCLUDE.items():
    for path in sorted((root / folder).rglob("*")):
        if path.suffix not in (".h", ".cc") or "peers" in path.parts:  # bench/peers: programs of their own
            continue
        name = path.relative_to(root)
        text = path.read_text()
        wiring = path.name == "main.cc"
        for number, line in enumerate(text.splitlines(), 1):
            include = re.match(r'#include "([a-z]+)/', line)
            if include and not wiring and include[1] in MAY_INCLUDE and include[1] not in allowed:
                problems.append(f"{name}:{number}: {folder}/ must not include {include[1]}/")
            if "sqlite3.h" in line and "participant/sqlite/" not in str(name) and str(name) != "cli/merge.cc":
                problems.append(f"{name}:{number}: sqlite3.h belongs to participant/sqlite/ (and cli/merge.cc)")
            if folder == "protocol" and IMPURE.search(line):
                problems.append(f"{name}:{number}: protocol/ is pure: {line.strip()}")
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
codes = re.findall(r'CodeRow\{AbortCode::k\w+,\s*"([A-Z_]+)"', (root / "protocol/outcome.cc").read_text())
documented = re.findall(r"^\| `([^`]+)` \|", (root / "docs/reference/error-codes.md").read_text(), re.M)
if codes != documented:
    problems.append(f"docs/reference/error-codes.md differs from protocol/outcome.cc: {set(codes) ^ set(documented)}")
for page in [root / "README.md"]:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not link.startswith("http") and not (root / link).exists():
            problems.append(f"{page.name}: link to {link}, which does not exist")

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

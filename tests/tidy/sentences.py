"""Whoever greps a runbook for an error finds it: every refusal, alarm, damage and code of the sources stands in docs/runbooks, and nothing else does.

docs/runbooks/messages.md lists the sentences; `sentences.py ROOT --write` brings it up to date (look at the pages that it chose)."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
PAGE = root / "docs/runbooks/messages.md"
FOLDERS = ("protocol", "wal", "recovery", "engine", "coordinator", "participant")
LITERAL = r'"((?:[^"\\]|\\.)*)"'
CALLS = ("refused", "refusal", "later", "alarm", "fail")
DAMAGE = {"kCorruption", "kFenced", "kLostMemory", "kIo", "kNoSpace"}  # of fail(): a start or a log that ends with it

HEAD = """# Every message, and its page
Every sentence with which a node refuses, raises an alarm or does not start. `…` stands for a name, a number or a
cause. A test holds this page against the sources, both ways. Codes of aborts:
[error codes](../reference/error-codes.md); exit codes: [exit codes](../reference/exit-codes.md).

| it says | page |
| --- | --- |
"""


def arguments(text, name):
    """What stands between the parentheses of each call of `name`."""
    for match in re.finditer(rf"(?<![\w:]){name}\(|(?<=\.){name}\(", text):
        at, depth, quoted = match.end(), 1, False
        while at < len(text) and depth:
            char = text[at]
            if quoted:
                at += char == "\\"
                quoted = char != '"'
            else:
                quoted = char == '"'
                depth += (char == "(") - (char == ")")
            at += 1
        yield text[match.end():at - 1]


def sentence(argument):
    """Its first string, as a person reads it; "" = none, or too short to mean something."""
    found = re.search(rf"{LITERAL}(?:\s*{LITERAL})*", argument)
    if not found:
        return ""
    text = "".join(re.findall(LITERAL, found[0])).replace('\\"', '"')
    text = re.sub(r"\{[^}]*\}", "…", text).strip()
    return text if len(text) > 14 else ""


def page_for(path, code, text):
    """The best guess; a row that is there already keeps its page."""
    by_words = (("lost memory", "alarm"), ("was deleted or moved away", "files-changed"), ("lost its end", "quarantine"), ("is a copy", "restored-participant"),
                ("segment", "log-corrupt"), ("no space", "disk-full"), ("disk space", "disk-full"), ("drained", "README"), ("max-retained-keys", "flood-of-aborts"),
                ("confirm", "lost-participant"), ("declared", "lost-participant"), ("adopted", "lost-coordinator"), ("never begun", "lost-coordinator"),
                ("cannot prove", "lost-coordinator"), ("settings name", "lost-coordinator"), ("stop it first", "lost-coordinator"))
    for words, page in by_words:
        if words in text:
            return page
    if code == "kLostMemory" or "pair_check" in path:
        return "restored-participant"
    if code == "kIo":
        return "disk-full"
    if code in DAMAGE:
        return "log-corrupt"
    if "hand_decisions" in path or "why_not" in path or "lost_participants" in path:
        return "mixed-outcome"
    if code == "alarm":
        return "alarm"
    return "flood-of-aborts"


def from_sources():
    out = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            text = path.read_text()
            for call in CALLS:
                for argument in arguments(text, call):
                    code = call
                    if call == "fail":
                        named = re.match(r"\s*ErrorCode::(\w+)", argument)
                        if not named or named[1] not in DAMAGE:
                            continue
                        code = named[1]
                    if said := sentence(argument):
                        out.setdefault(said, page_for(path.name, code, said))
    return out


def rows():
    if not PAGE.exists():
        return {}
    return dict(re.findall(r"^\| `(.*)` \| \[[^]]*\]\((\S+)\.md\) \|$", PAGE.read_text(), re.M))


problems = []
said, listed = from_sources(), rows()
if "--write" in sys.argv:
    PAGE.write_text(HEAD + "".join(f"| `{text}` | [{listed.get(text, page)}]({listed.get(text, page)}.md) |\n" for text, page in sorted(said.items())))
    listed = rows()
for text in sorted(said.keys() - listed.keys()):
    problems.append(f"docs/runbooks/messages.md does not list: {text}  (python3 tests/tidy/sentences.py . --write)")
for text in sorted(listed.keys() - said.keys()):
    problems.append(f"docs/runbooks/messages.md lists what no source says: {text}")
for text, page in listed.items():
    if not (root / f"docs/runbooks/{page}.md").exists():
        problems.append(f"docs/runbooks/messages.md: there is no page {page}")

# Every code names a page, and the page speaks of the code.
codes = re.findall(r'CodeRow\{AbortCode::k\w+,\s*"([A-Z_]+)"', (root / "protocol/outcome.cc").read_text())
pages = dict(re.findall(r"^\| `([A-Z_]+)` \| \w+ \| .*\]\((\S+?\.md)[#)]", (root / "docs/reference/error-codes.md").read_text(), re.M))
for code in codes:
    if code == "NONE":
        continue
    if code not in pages:
        problems.append(f"docs/reference/error-codes.md: {code} names no page")
    elif code not in (root / "docs/reference" / pages[code]).read_text():
        problems.append(f"docs/reference/{pages[code]} does not say {code}")

# Every verdict of a greeting and every rule of the diagnosis is said by a runbook; every rule's page is there and names it.
runbooks = {path.stem: path.read_text() for path in (root / "docs/runbooks").glob("*.md")}
everything = "".join(runbooks.values())
for verdict in re.findall(r'return "([A-Z_]{6,})"', (root / "protocol/message.cc").read_text()):
    if verdict not in everything and verdict != "WELCOME":
        problems.append(f"no runbook says {verdict}")
table = (root / "diagnosis/rules.cc").read_text()
for name, page in re.findall(r'\{k\w+, "([a-z-]+)", \w+, \w+, \w+,\s*(?:"[^"]*"\s*)+,\s*"([\w-]*)"\}', table):
    if page and page not in runbooks:
        problems.append(f"diagnosis/rules.cc: {name} names the page {page}, which does not exist")
    elif page and f"`{name}`" not in runbooks[page]:
        problems.append(f"docs/runbooks/{page}.md does not name the rule `{name}` that leads to it")
# What the diagnosis looks for in sentences is still said somewhere.
sources = re.sub(r'"\s*\n\s*"', "", "".join(p.read_text() for f in FOLDERS + ("access", "thrift", "os") for p in (root / f).rglob("*.*") if p.suffix in (".cc", ".h")))
for sign in re.findall(r'\{"((?:[^"\\]|\\.)*)", RuleId::', (root / "diagnosis/sentences.cc").read_text()):
    words = re.sub(r"\b(committed|aborted)\b", "{}", sign.strip())  # one source says both
    if sign.strip() not in sources and words not in sources:
        problems.append(f'diagnosis/sentences.cc looks for "{sign}", which no source says any more')
# Alerts name pages, and the pages name the alerts.
rules = (root / "monitoring/prometheus/rules.yml").read_text()
for alert, page in re.findall(r"- alert: (\w+)(?:(?!- alert:).)*?runbook: docs/runbooks/([\w-]+)\.md", rules, re.S):
    if alert not in runbooks.get(page, ""):
        problems.append(f"docs/runbooks/{page}.md does not name the alert {alert} that leads to it")

print("\n".join(problems) or f"{len(said)} messages and {len(codes)} codes are found in docs/runbooks")
sys.exit(1 if problems else 0)

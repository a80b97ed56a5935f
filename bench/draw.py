"""Draws a report of bench/run.sh as one SVG: python3 bench/draw.py build-bench/report.json docs/benchmarks.svg"""
import html
import json
import statistics
import sys

WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 900, 330, 110, 18, 7, 34
OURS, THEIRS, LIMIT = "#1f6f5c", "#8a94a6", "#d9a441"


def median(runs, name, figure):
    return statistics.median(figure(r) for r in runs[name]) if name in runs else None


def rate(result):
    return result["txn_per_s"]


def p50(result):
    return result["latency_us"]["p50"] if "latency_us" in result else result["p50_us"]


def groups(runs):
    """(title, unit, [(label, value, colour)])"""
    pairs = [("troth", "{}", OURS), ("PostgreSQL, PREPARE TRANSACTION", "postgres_{}", THEIRS), ("MariaDB, XA", "mariadb_{}", THEIRS),
             ("SQLite ATTACH, rollback journal", "attach_{}", THEIRS)]
    at64 = [(label, median(runs, "clients64" if name == "{}" else name.format(64), rate), colour) for label, name, colour in pairs]
    at64[1:1] = [("troth, 512 in flight in batches", median(runs, "inflight512", rate), OURS),
                 ("troth, 10,000 in flight in batches", median(runs, "inflight10000", rate), OURS)]
    limit = median(runs, "sqlite_updates", lambda r: r["two_files_by_1000_per_s"])
    at64.append(("limit: SQLite alone, 1,000 updates a commit, 2 files", limit / 2 if limit else None, LIMIT))
    at1 = [(label, median(runs, "client1" if name == "{}" else name.format(1), p50), colour) for label, name, colour in pairs]
    at1.append(("limit: one fdatasync", median(runs, "fdatasync", p50), LIMIT))
    variants = [("uniform", "clients64"), ("4 participants", "participants4_64"), ("half must abort", "abort50_64"), ("10 hot accounts", "hot10_64")]
    return [("Transfers between 2 databases, 64 clients", "/s", at64), ("One client, one transfer at a time: median answer", "µs", at1),
            ("troth, 64 clients", "/s", [(label, median(runs, name, rate), OURS) for label, name in variants])]


def draw(report):
    machine = report["machine"]
    out, y = [], 58
    for title, unit, bars in groups(report["runs"]):
        bars = [b for b in bars if b[1]]
        if not bars:
            continue
        top = max(value for _, value, _ in bars)
        out.append(f'<text x="16" y="{y + 18}" class="h">{html.escape(title)}</text>')
        y += HEAD
        for label, value, colour in bars:
            length = max(1.0, (WIDTH - LEFT - RIGHT) * value / top)
            out.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{html.escape(label)}</text>')
            out.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
            out.append(f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}">{value:,.0f} {unit}</text>')
            y += BAR + GAP
        y += 10
    facts = (f"{machine['cpu']}, {machine['cores']} cores, {machine['file_system']}, {machine['date'][:10]}, load {machine['load_before'][0]:.0f} to "
             f"{machine['load_after'][0]:.0f}; medians of {report['rounds']} rounds; bash bench/run.sh{' --quick' if report['quick'] else ''}")
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 14}" font-family="sans-serif" font-size="12" fill="#222">',
                      '<style>.h{font-size:14px;font-weight:bold}</style>', f'<rect width="{WIDTH}" height="{y + 14}" fill="#fff"/>',
                      '<text x="16" y="26" font-size="17" font-weight="bold">Durable atomic transfers, every fsync real</text>',
                      f'<text x="16" y="46" fill="#666" font-size="11">{html.escape(facts)}</text>', *out, "</svg>", ""])


def main():
    with open(sys.argv[1]) as f:
        report = json.load(f)
    with open(sys.argv[2], "w") as f:
        f.write(draw(report))


if __name__ == "__main__":
    main()

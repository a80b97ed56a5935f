"""Which alerts fire: metrics that were scraped from live daemons, held for an hour, judged by promtool."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "monitoring/prometheus/rules.yml"
MACHINE = {"TrothLogSlow", "TrothParticipantSlow"}  # say that this machine is loaded, not that an incident is staged
PROMTOOL = os.environ.get("TROTH_PROMTOOL", "")


def scrape(http):
    """Nothing: it does not answer."""
    try:
        return urllib.request.urlopen(f"http://{http}/metrics", timeout=5).read().decode()
    except OSError:
        return None


def samples(text):
    """{series: (value, is_counter)}; buckets and sums of histograms are counters too."""
    kinds, out = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            kinds[name] = kind
        elif line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name = re.split(r"[{ ]", series)[0]
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            out[series] = (float(value), kinds.get(name, kinds.get(base)) in ("counter", "histogram"))
    return out


def with_instance(series, instance):
    if "{" not in series:
        return f'{series}{{instance="{instance}"}}'
    return series.replace("{", f'{{instance="{instance}",', 1)


def firing(before, after, minutes=60):
    """Names of the alerts that fire when `after` goes on for an hour; `before`, `after`: {instance: metrics}."""
    if not PROMTOOL:
        return None
    steps = minutes * 2
    series = []
    for instance, text in after.items():
        earlier = samples(before.get(instance, ""))
        for name, (value, counts) in samples(text).items():
            start = earlier.get(name, (0.0, counts))[0] if counts else value
            step = (value - start) / 10 if counts and value > start else 0.0
            if "age_seconds" in name and value > 0:
                step = 30.0  # it grows as long as nobody acts
            series.append({"series": with_instance(name, instance), "values": f"{start:g}+{step:g}x{steps}" if step >= 0 else f"{value:g}x{steps}"})
    test = {"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [{
        "interval": "30s", "input_series": series,
        "promql_expr_test": [{"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{minutes - 1}m", "exp_samples": []}]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump(test, file)  # JSON is YAML
        file.flush()
        reply = subprocess.run([PROMTOOL, "test", "rules", file.name], capture_output=True, text=True, timeout=120)
    said = reply.stdout + reply.stderr
    if reply.returncode != 0 and "got:" not in said:
        raise AssertionError(said)
    return sorted(set(re.findall(r'alertname=\\?"(\w+)', said)) - MACHINE)

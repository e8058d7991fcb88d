#!/usr/bin/env python3
"""Gathers what build/acceptance.sh wrote into results.json and results.md of the same folder.

usage: acceptance_report.py FOLDER
"""
import json
import pathlib
import re
import sys

BENCH = re.compile(r"^(Benchmark\S+?)(?:-\d+)?\s+(\d+)\s+(.*)$")


def tests(file):
    text = file.read_text(errors="replace")
    count = {k: len(re.findall(rf"^\s*--- {k}:", text, re.M)) for k in ("PASS", "FAIL", "SKIP")}
    failed = re.findall(r"^\s*--- FAIL: (\S+)", text, re.M)
    errors = re.search(r"ERROR SUMMARY: (\d+) errors?", text)  # of compute-sanitizer
    ended = bool(re.search(r"^(PASS|ok\b)", text, re.M))
    return count | {"failed": failed, "ended": ended, "sanitizer_errors": int(errors[1]) if errors else None}


def benchmarks(file):
    rows = []
    for line in file.read_text(errors="replace").splitlines():
        if m := BENCH.match(line):
            fields = m[3].split()
            rows.append({"name": m[1]} | {unit: float(v) for v, unit in zip(fields[::2], fields[1::2])})
    return rows


def main():
    out = pathlib.Path(sys.argv[1])
    smi = out / "nvidia-smi.txt"
    result = {"device": out.name, "nvidia_smi": smi.read_text() if smi.exists() else "", "tests": {}, "benchmarks": {}}
    for file in sorted(out.glob("*.txt")):
        if file.stem.startswith(("test-", "sanitizer-")):
            result["tests"][file.stem] = tests(file)
        elif file.stem == "bench" or file.stem.startswith("forward-") and file.stem != "forward-torch":
            result["benchmarks"][file.stem] = benchmarks(file)
    torch = out / "forward-torch.jsonl"
    lines = torch.read_text().splitlines() if torch.exists() else []
    result["torch"] = [json.loads(line) for line in lines]
    (out / "results.json").write_text(json.dumps(result, indent=1) + "\n")

    md = [f"# Acceptance on {out.name}", "", "| run | passed | failed | skipped | sanitizer errors |", "|---|---|---|---|---|"]
    for name, t in result["tests"].items():
        errors = "" if t["sanitizer_errors"] is None else t["sanitizer_errors"]
        md.append(f"| {name} | {t['PASS']} | {t['FAIL']} {' '.join(t['failed'])} | {t['SKIP']} | {errors} |")
    for name, rows in result["benchmarks"].items():
        md += ["", f"## {name}", ""] + [f"- {r.pop('name')}: " + ", ".join(f"{v:g} {u}" for u, v in r.items()) for r in rows]
    if result["torch"]:
        md += ["", "## PyTorch", "", "| network | rows | type | mode | ms |", "|---|---|---|---|---|"]
        md += [f"| {r['network']} | {r['rows']} | {r['type']} | {r['mode']} | {r['ms']:.3f} |" for r in result["torch"] if "ms" in r]
        md += ["", "| step of diffusers | elements | us |", "|---|---|---|"]
        md += [f"| {r['step']} | {r['elements']} | {r['us']:.1f} |" for r in result["torch"] if "us" in r]
    job = out / "job.md"
    if job.exists():
        md += ["", job.read_text().strip()]
    (out / "results.md").write_text("\n".join(md) + "\n")
    print((out / "results.md").read_text())


main()

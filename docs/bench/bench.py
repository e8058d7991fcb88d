"""Times the bundled network here and in torch, interleaved in one run, and writes README.md and bench.svg.

usage: python bench.py [--rounds N] TORCH_PYTHON

TORCH_PYTHON is a Python with torch and diffusers; this script itself needs nothing but Python and Go. Every round runs
each side for every batch and number of threads, one after the other: a pause, so that no thread of the other side still
spins, an evaluation that wakes the side's own threads, and one that counts. The table has the medians over the rounds.
Each number of threads has processes of its own.
"""

import argparse
import array
import json
import pathlib
import platform
import random
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UNET = ROOT / "model/bundled/fashion/unet"
BATCHES = [1, 16, 64]
THREADS = [1, 2]
GFLOP = 0.577  # an image, by the direct method
PAUSE = 0.1  # seconds


class Side:
    """A process that evaluates the network when it is sent a line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.answer().removeprefix("ready ")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return line.strip()

    def run(self, threads, batch, source, target="-"):
        print(threads, batch, source, target, file=self.process.stdin, flush=True)
        return float(self.answer())

    def time(self, threads, batch, source):
        time.sleep(PAUSE)
        self.run(threads, batch, source)
        return self.run(threads, batch, source)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def floats(path):
    values = array.array("f")
    values.frombytes(path.read_bytes())
    return values


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def measure(torch_python, rounds, folder):
    binary = folder / "ours"
    subprocess.run(["go", "build", "-o", binary, "./docs/bench/ours"], cwd=ROOT, check=True)
    sides = {t: [Side([torch_python, HERE / "torch_peer.py", UNET]), Side([binary])] for t in THREADS}
    rng = random.Random(1)
    cases, difference = [], 0.0
    for batch in BATCHES:
        source = folder / f"x{batch}"
        source.write_bytes(array.array("f", (rng.gauss(0, 1) for _ in range(batch * 28 * 28))).tobytes())
        cases += [(threads, batch, source) for threads in THREADS]
    for threads, batch, source in cases:  # warm, and compare the results
        outputs = []
        for i, side in enumerate(sides[threads]):
            side.run(threads, batch, source, folder / f"y{i}")
            outputs.append(floats(folder / f"y{i}"))
        difference = max([difference] + [abs(a - b) for a, b in zip(*outputs, strict=True)])
    times = {(t, b): ([], []) for t, b, _ in cases}
    for _ in range(rounds):
        for threads, batch, source in cases:
            for i, side in enumerate(sides[threads]):
                times[threads, batch][i].append(side.time(threads, batch, source))
    for side in sum(sides.values(), []):
        side.close()
    rows = []
    for threads, batch, _ in sorted(cases, key=lambda c: c[:2]):
        torch_s, our_s = times[threads, batch]
        rows.append({
            "threads": threads, "batch": batch,
            "torch": 1e3 * statistics.median(torch_s) / batch, "ours": 1e3 * statistics.median(our_s) / batch,
            "ratio": statistics.median(a / b for a, b in zip(torch_s, our_s)),
        })
    return {"cpu": cpu_name(), "rounds": rounds, "torch": sides[1][0].version, "ours": sides[1][1].version,
            "difference": difference, "rows": rows}


def readme(r):
    lines = [
        "# The bundled network beside torch",
        "",
        f"Milliseconds an image for one evaluation of the bundled 28x28 U-Net in float32, {GFLOP} GFLOP an image by the direct",
        f"method, on {r['cpu']}. `make bench-torch` ran both sides in turn, {r['rounds']} rounds, in processes of their own:",
        f"{r['torch']}, and this library with {r['ours']}. Times are medians, the ratio is the median of the",
        f"rounds' ratios. The results differ by {r['difference']:.1e} at most.",
        "",
        "| threads | batch | torch, ms | cudiffuse, ms | ratio | cudiffuse, GFLOP/s |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in r["rows"]:
        lines.append(f"| {row['threads']} | {row['batch']} | {row['torch']:.2f} | {row['ours']:.2f} | {row['ratio']:.2f} "
                     f"| {1e3 * GFLOP / row['ours']:.0f} |")
    lines += [
        "",
        "GFLOP/s count the products and sums of the direct method; most of them are saved by Winograd's F(4x4, 3x3).",
        "",
        "![Milliseconds an image by threads and batch, torch and cudiffuse](bench.svg)",
        "",
    ]
    return "\n".join(lines)


def svg(r):
    width, height, left, bottom, top = 640, 300, 50, 250, 30
    most = max(max(row["torch"], row["ours"]) for row in r["rows"]) * 1.1
    scale = (bottom - top) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="18">ms an image (lower is better)</text>']
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50) if most / s <= 8)
    y = 0.0
    while y <= most:
        at = bottom - y * scale
        out.append(f'<line x1="{left}" x2="{width - 10}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
        y += step
    group = (width - left - 20) / len(r["rows"])
    for i, row in enumerate(r["rows"]):
        x = left + 10 + i * group
        for j, (side, colour) in enumerate((("torch", "#c8553d"), ("ours", "#2a6f97"))):
            v, bar = row[side], group * 0.36
            at = x + j * bar
            out.append(f'<rect x="{at:.1f}" y="{bottom - v * scale:.1f}" width="{bar - 2:.1f}" height="{v * scale:.1f}" '
                       f'fill="{colour}"/>')
            out.append(f'<text x="{at + bar / 2 - 1:.1f}" y="{bottom - v * scale - 4:.1f}" text-anchor="middle" '
                       f'font-size="10">{v:.1f}</text>')
        label = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        out.append(f'<text x="{x + group * 0.36:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
        out.append(f'<text x="{x + group * 0.36:.1f}" y="{bottom + 31}" text-anchor="middle">batch {row["batch"]}</text>')
    for j, (name, colour) in enumerate((("torch", "#c8553d"), ("cudiffuse", "#2a6f97"))):
        out.append(f'<rect x="{width - 200 + 80 * j}" y="9" width="10" height="10" fill="{colour}"/>')
        out.append(f'<text x="{width - 186 + 80 * j}" y="18">{name}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("torch_python")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(args.torch_python, args.rounds, pathlib.Path(folder))
    (HERE / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE / "README.md").write_text(readme(result))
    (HERE / "bench.svg").write_text(svg(result))
    print(readme(result))


if __name__ == "__main__":
    main()

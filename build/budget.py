#!/usr/bin/env python3
"""Counts what the kernels cost, from ptxas -v and the SASS of the committed image's sources: registers, spills and local
memory of every kernel on every architecture; width of the memory accesses and instructions per element of fused_step.

    budget.py           writes build/budget.md
    budget.py --check   fails when budget.md is not what the sources give

Either way it fails when a limit below is passed. Instructions are those of the main loop on its main path, divided by
the 4 elements of one pass. The main path leaves out the out-of-line call that a square root makes for zero, denormal and
non-finite numbers; both sides of every other branch are counted, though one pass runs only one of them.
"""
import argparse
import os
import pathlib
import re
import sys
import tempfile

import compile as image

TABLE = image.HERE / "budget.md"
INSTRUCTIONS_PER_ELEMENT = 100  # of fused_step_history_noise2 on sm_80: guidance, two history slots and noise
REGISTERS = 128  # of any kernel of 256 threads or more: two blocks to a multiprocessor
ELEMENTS = 4  # of one pass of the loop


def resources(text):
    """Kernel -> (registers, stack frame, spill bytes), from ptxas -v."""
    pattern = (r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
               r"(\d+) bytes spill loads.*?Used (\d+) registers")
    return {k: (int(r), int(f), int(s) + int(l)) for k, f, s, l, r in re.findall(pattern, text, re.S)}


def functions(sass):
    """Kernel -> [(address, instruction)]."""
    found, name = {}, None
    for line in sass.splitlines():
        if m := re.search(r"Function : (\S+)", line):
            name = found.setdefault(m.group(1), [])
        elif (m := re.match(r"\s+/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;", line)) and name is not None:
            name.append((int(m.group(1), 16), m.group(2)))
    return found


def branch(instruction):
    m = re.search(r"\bBRA\b.*\b0x([0-9a-f]+)", instruction)
    return int(m.group(1), 16) if m else None


def main_loop(code):
    """The longest range that ends in a branch back to its start."""
    loops = [(a - t, t, a) for a, i in code if (t := branch(i)) is not None and t < a]
    _, start, end = max(loops)
    return [(a, i) for a, i in code if start <= a <= end]


def main_path(loop):
    """The loop without the basic blocks that call a routine out of line."""
    leaders = {t for _, i in loop if (t := branch(i)) is not None}
    blocks, current = [], []
    for a, i in loop:
        if a in leaders and current:
            blocks.append(current)
            current = []
        current.append(i)
        if branch(i) is not None:
            blocks.append(current)
            current = []
    blocks.append(current)
    return [i for b in blocks if not any("CALL" in i for i in b) for i in b]


def accesses(path):
    """Widths in bits of the global loads and stores, narrowest first."""
    widths = set()
    for i in path:
        if m := re.search(r"\b(LDG|STG|LD|ST|LDL|STL)\b(\S*)", i):
            if m.group(1) not in ("LDG", "STG"):
                sys.exit(f"an access that is not to global memory: {i}")
            w = re.search(r"\.(8|U8|16|U16|64|128)\b", m.group(2))
            widths.add(int(re.sub(r"\D", "", w.group(1))) if w else 32)
    return sorted(widths)


def special(name):
    return name.startswith("fused_step_") and "general" not in name


def check_limits(used, steps):
    wrong = []
    for (arch, kernel), (registers, frame, spills) in used.items():
        if spills or frame:
            wrong.append(f"{kernel} on sm_{arch}: {spills} bytes of spills, {frame} of local memory: want none")
        if registers > REGISTERS:
            wrong.append(f"{kernel} on sm_{arch}: {registers} registers: want at most {REGISTERS}")
    for kernel, (instructions, widths) in steps.items():
        if kernel.endswith("_v") and 128 not in widths:
            wrong.append(f"{kernel}: no access of 128 bits, but of {widths}")
            continue
        if not kernel.startswith("fused_step_"):
            continue
        if "history_noise2" in kernel and instructions > INSTRUCTIONS_PER_ELEMENT:
            wrong.append(f"{kernel}: {instructions} instructions an element: want {INSTRUCTIONS_PER_ELEMENT}")
        narrowest = 128 if kernel.endswith("_f32") else 64
        if special(kernel) and widths[0] < narrowest:
            wrong.append(f"{kernel}: accesses of {widths[0]} bits: want at least {narrowest}")
    if wrong:
        sys.exit("\n".join(wrong))


def all_accesses(code):
    """Widths in bits of the loads and stores of global memory anywhere in a kernel."""
    return accesses([i for _, i in code if re.search(r"\b(LDG|STG)\b", i)])


def measure(home):
    used, steps = {}, {}
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        ptx = image.compile_ptx(home, tmp)
        for arch in image.ARCHITECTURES:
            cubin = tmp / f"sm_{arch}.cubin"
            for kernel, r in resources(image.assemble(home, ptx, arch, cubin)).items():
                used[arch, kernel] = r
        os.environ["PATH"] = f"{home}/bin:{os.environ['PATH']}"  # cuobjdump runs nvdisasm
        code = functions(image.run(f"{home}/bin/cuobjdump", "-sass", tmp / "sm_80.cubin"))
    kernels = sorted({k for _, k in used})
    if sorted(code) != kernels or len(used) != len(kernels) * len(image.ARCHITECTURES):
        sys.exit("ptxas and cuobjdump do not name the same kernels")
    for k in kernels:
        if k.startswith("fused_step_"):
            path = main_path(main_loop(code[k]))
            steps[k] = (len(path) / ELEMENTS, accesses(path))
        elif k.endswith("_v"):
            steps[k] = ("", all_accesses(code[k]))
    return used, steps


def table(used, steps):
    archs = image.ARCHITECTURES
    lines = ["<!-- Generated by build/budget.py; do not edit. -->", "# What the kernels cost", "",
             "Registers by architecture. No kernel spills or uses local memory. Instructions are SASS instructions an",
             "element on sm_80, on the main path of the main loop; accesses are the widths of its global loads and",
             "stores in bits; of the vector variants of networks (_v) they are those of the whole kernel. budget.py says how",
             "they are counted and what the limits are.", "",
             "| kernel | " + " | ".join(f"sm_{a}" for a in archs) + " | instructions | accesses |",
             "|---|" + "---:|" * (len(archs) + 1) + "---|"]
    for k in sorted({k for _, k in used}):
        n, widths = steps.get(k, ("", []))
        cells = [str(used[a, k][0]) for a in archs] + [str(n), ", ".join(map(str, widths))]
        lines.append(f"| {k} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    ap = argparse.ArgumentParser(description="counts what the kernels cost; see the top of this file")
    ap.add_argument("--check", action="store_true")
    a = ap.parse_args()
    used, steps = measure(image.pinned())
    check_limits(used, steps)
    text = table(used, steps)
    if not a.check:
        TABLE.write_text(text)
    elif TABLE.read_text() != text:
        sys.exit("build/budget.md is not what the sources give: run `make kernels` and commit it")
    worst = max(n for k, (n, _) in steps.items() if "history_noise2" in k)
    print(f"{len({k for _, k in used})} kernels, no spills; guidance, two history slots and noise: "
          f"{worst} instructions an element on sm_80 (limit {INSTRUCTIONS_PER_ELEMENT})")


if __name__ == "__main__":
    main()

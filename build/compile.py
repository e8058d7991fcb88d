#!/usr/bin/env python3
"""Makes the kernel image of build/ from cuda/kernels.cu, or checks that the committed one is what the sources give.

    compile.py [--check] [--cuda-home DIR] [--out DIR]

One PTX text is the source of everything: nvcc writes it for the oldest architecture (sm_75), its version is lowered to
6.3 (CUDA 10.0), which has all that it uses, so that old drivers take it too, and ptxas assembles the native code of
every architecture from it. What runs where a driver compiles PTX, and what the tests execute instruction by
instruction, is therefore what the native code was made of.

Without --cuda-home it is the pinned toolchain (toolchain.sh), whose output is committed byte for byte. Any nvcc from
11.8 on can be named instead, to see that it compiles; architectures that it does not know are left out, and only the
pinned one may write into build/.
"""
import argparse
import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = sorted((HERE.parent / "cuda").glob("*.cu")) + sorted((HERE.parent / "cuda").glob("*.cuh"))
ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120]
PTX_VERSION = "6.3"  # the first with sm_75
# No fused multiply-add and no fast division, square root or denormals: the kernels match the CPU bit for bit.
# The host compiler only preprocesses, so its version does not matter.
NVCC = ["-ptx", "-arch=compute_75", "-std=c++17", "-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true",
        "-allow-unsupported-compiler"]


def run(*command):
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{p.stdout}{p.stderr}")
    return p.stdout + p.stderr


def pinned():
    p = subprocess.run(["bash", HERE / "toolchain.sh"], stdout=subprocess.PIPE, text=True)
    if p.returncode:
        sys.exit("build/toolchain.sh failed")
    return p.stdout.strip()


def tool_version(home, name):
    return re.findall(r"V?\d+\.\d+\.\d+", run(f"{home}/bin/{name}", "--version"))[-1]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def compile_ptx(home, tmp):
    ptx = tmp / "kernels.ptx"
    run(f"{home}/bin/nvcc", *NVCC, HERE.parent / "cuda" / "kernels.cu", "-o", ptx)
    text = ptx.read_text()
    lowered, n = re.subn(r"(?m)^\.version \d+\.\d+$", f".version {PTX_VERSION}", text)
    assert n == 1, "the PTX has one .version"
    ptx.write_text(lowered)
    return ptx


def assemble(home, ptx, arch, cubin):
    """Returns what ptxas -v says."""
    return run(f"{home}/bin/ptxas", "-v", "-O3", f"-arch=sm_{arch}", ptx, "-o", cubin)


def known(home):
    listed = run(f"{home}/bin/ptxas", "--help")
    return [a for a in ARCHITECTURES if f"sm_{a}" in listed]


def build(home, out):
    """Writes the image into out and returns its manifest."""
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        ptx = compile_ptx(home, tmp)
        files = {"kernels.ptx.gz": gzip.compress(ptx.read_bytes(), 9, mtime=0)}
        for arch in known(home):
            cubin = tmp / f"sm_{arch}.cubin"
            assemble(home, ptx, arch, cubin)
            files[f"kernels.sm_{arch}.gz"] = gzip.compress(cubin.read_bytes(), 9, mtime=0)
    manifest = {
        "toolchain": {"nvcc": tool_version(home, "nvcc"), "ptxas": tool_version(home, "ptxas"), "flags": NVCC},
        "ptx_version": PTX_VERSION,
        "sources": {p.name: sha256(p.read_bytes()) for p in SOURCES},
        # Of what is inside: the compressed bytes may differ between versions of zlib.
        "image": {n: sha256(gzip.decompress(b)) for n, b in files.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (out / name).write_bytes(data)
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def check(home):
    with tempfile.TemporaryDirectory() as d:
        fresh = build(home, pathlib.Path(d))
    committed = json.loads((HERE / "manifest.json").read_text())
    wrong = [f"manifest.json: {k} differs" for k in fresh if fresh[k] != committed.get(k)]
    for name, want in fresh["image"].items():
        path = HERE / name
        if not path.exists() or sha256(gzip.decompress(path.read_bytes())) != want:
            wrong.append(f"{name} is not what the sources compile to")
    extra = {p.name for p in HERE.glob("kernels.*.gz")} - set(fresh["image"])
    wrong += [f"{name} does not belong here" for name in sorted(extra)]
    if wrong:
        sys.exit("\n".join(wrong) + "\nrun `make kernels` and commit build/")


def main():
    ap = argparse.ArgumentParser(description="compiles cuda/kernels.cu; see the top of this file")
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--cuda-home")
    ap.add_argument("--out", type=pathlib.Path, default=HERE)
    a = ap.parse_args()
    home = a.cuda_home or pinned()
    if a.check:
        check(home)
        print("the committed kernel image is what the sources compile to")
        return
    if a.cuda_home and a.out.resolve() == HERE and a.cuda_home != pinned():
        sys.exit("only the pinned toolchain writes into build/: give --out")
    m = build(home, a.out)
    print(f"{len(m['image'])} images with nvcc {m['toolchain']['nvcc']}: {', '.join(m['image'])}")


if __name__ == "__main__":
    main()

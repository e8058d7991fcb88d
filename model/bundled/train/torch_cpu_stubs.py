#!/usr/bin/env python3
"""Let the CUDA build of torch start on a machine without its CUDA libraries.

The torch wheel of the package index links CUDA libraries of about 3 GB that CPU training never
calls. This builds empty ones in their place: every symbol that torch wants from one of them, under
the version it wants, as a function that returns 1 or as a block of bytes where it is data. The
small libraries that torch really calls while it starts (cudart, cufile, cupti) are not replaced.

Needs readelf and gcc.
"""
import argparse
import collections
import glob
import os
import re
import subprocess
import tempfile

# The libraries to stand in for, and the prefix of their symbols. The first match wins, so a
# prefix comes before its own beginnings.
LIBRARIES = {
    "libcublasLt.so.13": ("cublasLt",),
    "libcublas.so.13": ("cublas",),
    "libcudnn.so.9": ("cudnn",),
    "libcufft.so.12": ("cufft",),
    "libcusolver.so.12": ("cusolver",),
    "libcusparseLt.so.0": ("cusparseLt",),
    "libcusparse.so.12": ("cusparse",),
    "libnccl.so.2": ("nccl", "pnccl"),
    "libnvrtc.so.13": ("nvrtc",),
    "libnvshmem_host.so.3": ("nvshmem",),
}
DATA = re.compile(r"_transport$|_state|_device_")


def readelf(flag, path):
    """Return the lines of readelf."""
    command = ["readelf", flag, "-W", path]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def version_owners(path):
    """Return which library each symbol version that a file needs comes from."""
    owners, library = {}, None
    for line in readelf("-V", path):
        if match := re.search(r"File: (\S+)", line):
            library = match[1]
        if library and (match := re.search(r"Name: (\S+)\s+Flags", line)):
            owners[match[1]] = library
    return owners


def needed(path):
    """Yield (library, symbol, version or None) of what a file wants from LIBRARIES."""
    owners = version_owners(path)
    for line in readelf("--dyn-syms", path):
        fields = line.split()
        if len(fields) < 8 or fields[6] != "UND":
            continue
        symbol, _, version = fields[7].partition("@")
        version = version.strip("@")
        if version:
            if owners.get(version) in LIBRARIES:
                yield owners[version], symbol, version
            continue
        for library, prefixes in LIBRARIES.items():
            if symbol.startswith(prefixes):
                yield library, symbol, None
                break


def build(library, symbols, folder, scratch):
    """Compile the stand-in of one library from its (symbol, version) pairs."""
    source = os.path.join(scratch, "stub.c")
    script = os.path.join(scratch, "stub.map")
    versions = collections.defaultdict(list)
    with open(source, "w", encoding="utf-8") as file:
        file.write("int cudiffuse_stub;\n")
        for symbol, version in sorted(symbols, key=str):
            data = DATA.search(symbol)
            file.write(f"char {symbol}[4096];\n" if data else f"long {symbol}() {{ return 1; }}\n")
            if version:
                versions[version].append(symbol)
    command = ["gcc", "-w", "-fno-builtin", "-shared", "-fPIC", f"-Wl,-soname,{library}",
               "-o", os.path.join(folder, library), source]
    if versions:
        with open(script, "w", encoding="utf-8") as file:
            for version, names in versions.items():
                file.write(f"{version} {{ global: {'; '.join(names)}; }};\n")
        command.append(f"-Wl,--version-script={script}")
    subprocess.check_call(command)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", help="the site-packages folder that torch was installed into")
    args = parser.parse_args()
    folder = os.path.join(args.site, "nvidia", "cu13", "lib")
    os.makedirs(folder, exist_ok=True)
    wanted = collections.defaultdict(set)
    for path in glob.glob(os.path.join(args.site, "torch", "lib", "*.so")):
        for library, symbol, version in needed(path):
            wanted[library].add((symbol, version))
    with tempfile.TemporaryDirectory() as scratch:
        for library in LIBRARIES:
            build(library, wanted[library], folder, scratch)
    print("built", len(LIBRARIES), "stand-ins for", sum(map(len, wanted.values())), "symbols")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Keeps the supported cases of the trajectories that make_schedulers.py writes.
usage: subset.py FOLDER   (index.json and schedulers.safetensors; writes into the folder of this script)"""
import json
import os
import struct
import sys

CLASSES = {"DDPMScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "LCMScheduler", "EulerDiscreteScheduler",
           "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler",
           "UniPCMultistepScheduler", "DEISMultistepScheduler", "PNDMScheduler", "KDPM2DiscreteScheduler",
           "KDPM2AncestralDiscreteScheduler", "FlowMatchEulerDiscreteScheduler", "TCDScheduler",
           "IPNDMScheduler", "DPMSolverSinglestepScheduler",
           "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler",
           "FlowMatchHeunDiscreteScheduler", "CMStochasticIterativeScheduler",
           "DDIMInverseScheduler", "DPMSolverMultistepInverseScheduler", "SASolverScheduler",
           "DPMSolverSDEScheduler", "CosineDPMSolverMultistepScheduler", "FlowMatchLCMScheduler", "SCMScheduler",
           "RePaintScheduler"}


def supported(case):
    return case["class"] in CLASSES


def main():
    source, here = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
    index = json.load(open(os.path.join(source, "index.json")))
    blob = open(os.path.join(source, "schedulers.safetensors"), "rb").read()
    size = struct.unpack("<Q", blob[:8])[0]
    header, data = json.loads(blob[8:8 + size]), blob[8 + size:]
    index["cases"] = [c for c in index["cases"] if supported(c)]
    names = ["noise"] + [c["id"] + s for c in index["cases"] for s in (".f64.final", ".timesteps")]
    out, body = {}, b""
    for name in sorted(names, key=lambda n: (-{"F64": 8, "F32": 4}[header[n]["dtype"]], n)):
        begin, end = header[name]["data_offsets"]
        out[name] = dict(header[name], data_offsets=[len(body), len(body) + end - begin])
        body += data[begin:end]
    text = json.dumps(out).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(here, "schedulers.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)
    with open(os.path.join(here, "index.json"), "w") as f:
        json.dump(index, f, indent=0)


main()

#!/usr/bin/env python3
"""Writes cpu.json: the first and last numbers that torch.randn draws on the CPU. Needs torch; made with 2.15."""
import json
import pathlib

import torch

cases = []
for seed in (0, 1, 42, 2**32 + 7, 2**63 - 1):
    for sizes in ([16], [4 * 64 * 64], [15], [1], [17, 5, 100], [31, 16], [700000]):
        torch.manual_seed(seed)
        draws = []
        for n in sizes:
            x = torch.randn(n, dtype=torch.float32)
            draws.append({"n": n, "first": x[:20].tolist(), "last": x[-20:].tolist()})
        cases.append({"seed": seed, "draws": draws})
pathlib.Path(__file__).with_name("cpu.json").write_text(json.dumps(cases) + "\n")

#!/usr/bin/env python3
"""Writes reference.safetensors with the reference implementation.

Needs: pip install torch numpy safetensors (made with torch 2.15.0, safetensors 0.8.0).
Beside each tensor X stands what the reader must make of it, as torch converts it:
X.f32 and X.f64 for floats, X.i64 for integers and booleans.
"""
import os

import torch
from safetensors.torch import save_file

FLOATS = [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 65504.0, 6e-8, 6.2e-5, 1e-40, 3e38, 1e300,
          float("inf"), float("-inf"), float("nan")]
INTS = {
    "I64": (torch.int64, [0, 1, -1, 2**63 - 1, -2**63]),
    "I32": (torch.int32, [0, 1, -1, 2**31 - 1, -2**31]),
    "I16": (torch.int16, [0, 1, -1, 2**15 - 1, -2**15]),
    "I8": (torch.int8, [0, 1, -1, 127, -128]),
    "U64": (torch.uint64, [0, 1, 2**63 - 1]),
    "U32": (torch.uint32, [0, 1, 2**32 - 1]),
    "U16": (torch.uint16, [0, 1, 2**16 - 1]),
    "U8": (torch.uint8, [0, 1, 255]),
    "BOOL": (torch.bool, [False, True, True, False]),
}

tensors = {}
for name, dtype in [("F64", torch.float64), ("F32", torch.float32),
                    ("F16", torch.float16), ("BF16", torch.bfloat16)]:
    t = torch.tensor(FLOATS, dtype=torch.float64).to(dtype)
    tensors[name] = t.reshape(3, 5)
    tensors[name + ".f32"] = t.to(torch.float32).reshape(3, 5)
    tensors[name + ".f64"] = t.to(torch.float64).reshape(3, 5)
    tensors[name + ".scalar"] = t[4].clone()
    tensors[name + ".empty"] = torch.empty((2, 0, 3), dtype=dtype)
for name, (dtype, values) in INTS.items():
    tensors[name] = torch.tensor(values, dtype=dtype)
    tensors[name + ".i64"] = torch.tensor([int(v) for v in values], dtype=torch.int64)
    tensors[name + ".scalar"] = torch.tensor(values[1], dtype=dtype)
    tensors[name + ".empty"] = torch.empty((0,), dtype=dtype)
tensors["ünïcode \"quoted\"\n\t/\\ \U0001f600"] = torch.tensor([1.5])

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference.safetensors")
copies = {k: v.clone() for k, v in tensors.items()}  # shared memory is refused
save_file(copies, out, metadata={"format": "pt", "note": "ünïcode \"quoted\"\n"})

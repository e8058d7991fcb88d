#!/usr/bin/env python3
"""Writes guidance.json: what diffusers' guiders make of two outputs. Needs torch and diffusers (0.42.1).

diffusers computes the singular vectors of tangential guidance in float32, which loses two digits; here it is float64, and
checked against diffusers'.
"""
import json
import pathlib

import torch
from diffusers.guiders.adaptive_projected_guidance import normalized_guidance as apg
from diffusers.guiders.classifier_free_zero_star_guidance import cfg_zero_star_scale
from diffusers.guiders.tangential_classifier_free_guidance import normalized_guidance as tangential

torch.manual_seed(7)
shape, s, cases = (1, 3, 8, 8), 5.0, []
for name, scale in (("apart", 1.0), ("near", 0.05)):
    c = torch.randn(shape)
    u = 0.4 * c + scale * torch.randn(shape)
    for eta, norm in ((0.0, 0.0), (1.0, 0.0), (0.25, 6.0), (0.0, 1.5)):
        # The paper adds (s-1) times the update to c; diffusers calls that the original formulation.
        m = apg(c, u, s - 1, None, eta, norm, True)
        cases.append({"name": f"apg, {name}, eta {eta}, norm {norm}", "kind": "apg", "eta": eta, "norm": norm, "c": c, "u": u, "m": m})
    k = cfg_zero_star_scale(c.flatten(1), u.flatten(1)).view(-1, 1, 1, 1)
    cases.append({"name": f"zero star, {name}", "kind": "zero_star", "c": c, "u": u, "m": u * k + s * (c - u * k)})
    rows = torch.stack([c.flatten(), u.flatten()]).double()
    v = torch.linalg.svd(rows, full_matrices=False)[2][0]
    flat = (rows[1] @ v) * v
    m = (flat + s * (rows[0] - flat)).view(shape)
    assert (m - tangential(c, u, s)).abs().max() < 1e-4
    cases.append({"name": f"tangential, {name}", "kind": "tangential", "c": c, "u": u, "m": m})
for case in cases:
    for key in "cum":
        case[key] = [round(float(v), 7) for v in case[key].flatten()]
out = pathlib.Path(__file__).with_name("guidance.json")
out.write_text(json.dumps({"scale": s, "cases": cases}, separators=(",", ":")) + "\n")

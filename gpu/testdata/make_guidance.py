#!/usr/bin/env python3
"""Writes guidance.json: what diffusers' guiders make of two outputs, and guidance_momentum.json: what they make of those of
several steps, with momentum. Needs torch and diffusers (0.42.1).

diffusers computes the singular vectors of tangential guidance in float32, which loses two digits; here it is float64, and
checked against diffusers'.
"""
import json
import pathlib

import torch
from diffusers.guiders.adaptive_projected_guidance import AdaptiveProjectedGuidance
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


def run(outputs, momentum, eta, norm, rescale=0.0, start=0.0, stop=1.0, off=()):
    """The guided output of every step; the guider is disabled in those of off."""
    guider = AdaptiveProjectedGuidance(s - 1, adaptive_projected_guidance_momentum=momentum,
                                       adaptive_projected_guidance_rescale=norm, eta=eta, guidance_rescale=rescale,
                                       use_original_formulation=True, start=start, stop=stop)
    guided = []
    for i, (c, u) in enumerate(outputs):
        (guider.disable if i in off else guider.enable)()
        guider.set_state(step=i, num_inference_steps=len(outputs), timestep=torch.tensor(len(outputs) - i))
        guider.prepare_inputs({})  # makes the buffer at step 0
        guided.append(guider.forward(c, u).pred)
    return guided


def flat(tensors):
    return [[round(float(v), 7) for v in t.flatten()] for t in tensors]


shape, steps, outputs = (1, 2, 4, 4), 6, []
for i in range(steps):  # differences that have something in common
    c = torch.randn(shape)
    outputs.append((c, 0.4 * c + 0.3 * torch.randn(shape) + (0.5 * outputs[0][1] if i else 0)))
cases = []
for name, options in (
    ("the paper's", dict(momentum=-0.5, eta=0.0, norm=2.5)),
    ("stronger", dict(momentum=-0.75, eta=0.0, norm=15.0)),
    ("positive", dict(momentum=0.9, eta=0.25, norm=0.0)),
    ("all of the difference", dict(momentum=0.5, eta=1.0, norm=0.0)),
    ("rescaled", dict(momentum=-0.5, eta=0.5, norm=4.0, rescale=0.7)),
    ("interval", dict(momentum=-0.6, eta=0.0, norm=3.0, start=0.2, stop=0.9)),
    ("disabled between", dict(momentum=0.7, eta=0.0, norm=3.0, off=(2, 3))),
    ("none", dict(momentum=None, eta=0.0, norm=2.5)),
):
    guided = run(outputs, **options)
    cases.append({"name": name, **{k: v or 0 for k, v in options.items()}, "m": flat(guided)})
out = pathlib.Path(__file__).with_name("guidance_momentum.json")
out.write_text(json.dumps({"scale": s, "c": flat(c for c, _ in outputs), "u": flat(u for _, u in outputs), "cases": cases},
                          separators=(",", ":")) + "\n")

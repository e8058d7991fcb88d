#!/usr/bin/env python3
"""Counts the tensor operations that diffusers issues for one step of one request: one kernel launch each on a GPU.

    python count_ops.py > diffusers.json

Needs torch and diffusers (CPU builds will do: what is counted is the operations, by torch's profiler, not their time).
One step is the guidance of a pipeline (diffusers/pipelines/stable_diffusion), the scheduler's step and the next
network input: scale_model_input and the copy for the two conditions. Counted are the leaves of the profile that
compute or copy elements; views, shapes and work on scalars that stay on the host are left out. Bytes are those that
the operations read and write, for a float32 latent of 4x64x64: every tensor of at least that size, once an operation.
"""
import collections
import json
import math
import warnings

import diffusers
import torch
from torch.profiler import ProfilerActivity, profile

warnings.filterwarnings("ignore")
SHAPE, SCALE, STEPS, COUNTED = (1, 4, 64, 64), 7.5, 20, 10
ELEMENTS = 4 * 64 * 64
VIEWS = {"aten::" + n for n in ("chunk", "split", "narrow", "slice", "select", "as_strided", "view", "reshape", "expand",
         "unsqueeze", "squeeze", "permute", "transpose", "t", "detach", "alias", "item", "_local_scalar_dense", "to",
         "empty", "empty_like", "empty_strided", "resolve_conj", "resolve_neg", "lift_fresh", "is_nonzero", "flatten",
         "unflatten", "result_type", "resize_", "_unsafe_view", "_reshape_alias", "set_", "broadcast_to", "contiguous")}

CASES = {
    "ddim": (diffusers.DDIMScheduler, dict(clip_sample=False, set_alpha_to_one=False)),
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_sde": (diffusers.DPMSolverMultistepScheduler, dict(algorithm_type="sde-dpmsolver++")),
    "ddpm": (diffusers.DDPMScheduler, dict(clip_sample=False)),
    "euler_ancestral": (diffusers.EulerAncestralDiscreteScheduler, {}),
}


def step(scheduler, out, latents, t, generator):
    uncond, cond = out.chunk(2)
    guided = uncond + SCALE * (cond - uncond)
    return scheduler.step(guided, t, latents, return_dict=False, generator=generator)[0]


def next_input(scheduler, latents, t):
    return scheduler.scale_model_input(torch.cat([latents] * 2), t)


def leaves(prof):
    """Operations without operations inside, that touch whole latents."""
    found = []
    for e in prof.events():
        if not e.name.startswith("aten::") or e.name in VIEWS:
            continue
        if any(c.name.startswith("aten::") and c.name not in VIEWS for c in e.cpu_children):
            continue
        found.append(e)
    return found


def sizes(shapes):
    """Elements of every tensor among the inputs, those in lists included."""
    for s in shapes:
        if s and isinstance(s[0], (list, tuple)):
            yield from sizes(s)
        elif s:
            yield math.prod(s)


def count(name):
    cls, options = CASES[name]
    scheduler = cls(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **options)
    scheduler.set_timesteps(STEPS)
    generator = torch.Generator().manual_seed(0)
    scheduler.scale_model_input(torch.zeros(SHAPE), scheduler.timesteps[0])
    latents = torch.randn(SHAPE, generator=generator)
    ops, moved = None, 0
    for i, t in enumerate(scheduler.timesteps[:-1]):
        out = torch.randn((2,) + SHAPE[1:], generator=generator)
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof:
            latents = step(scheduler, out, latents, t, generator)
            next_input(scheduler, latents, scheduler.timesteps[i + 1])
        if i != COUNTED:
            continue
        found = leaves(prof)
        ops = collections.Counter()
        for e in found:
            inputs = [n for n in sizes(e.input_shapes) if n >= ELEMENTS]
            if e.name == "aten::cat" and not inputs:  # the profiler leaves lists of tensors out
                inputs = [ELEMENTS, ELEMENTS]
            if not inputs:
                continue
            ops[e.name] += 1
            result = sum(inputs) if e.name == "aten::cat" else max(inputs)
            read = 0 if e.name == "aten::normal_" else sum(inputs)
            moved += 4 * (read + result)
    return {"launches": sum(ops.values()), "bytes": moved, "operations": dict(sorted(ops.items()))}


print(json.dumps({
    "torch": torch.__version__, "diffusers": diffusers.__version__, "elements": ELEMENTS,
    "samplers": {name: count(name) for name in CASES}}, indent=2))

#!/usr/bin/env python3
"""Trajectories of the scheduler classes whose loop is not "step(output, t, sample)": each is run as its pipeline
runs it, with the library's own code in float64. usage: make_loops.py (writes loops.json and loops.safetensors
beside this script).

The network is the formula of make_schedulers.py: 0.3*sin(1.7*x + 0.01*t) + 0.1*x. Noise comes from the bank
`noise` [64,2,16]; entry 0 is the initial noise, and each draw takes the next. `draws` has those of each step: where a
step draws more than once, the last one is used. `times` is what the network is told in each step."""
import json
import os

import diffusers
import diffusers.schedulers.deprecated as deprecated
import numpy as np
import torch
from diffusers.utils import logging
from safetensors.torch import save_file

logging.set_verbosity_error()
HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE, BANK = (2, 1, 4, 4), 64
NOISE = torch.from_numpy(np.random.Generator(np.random.PCG64(11)).standard_normal((BANK,) + SHAPE))


class Double:
    """A module with its float64 in place of float32."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        return getattr(self.module, "float64" if name == "float32" else name)


class Bank:
    def __init__(self):
        self.n = 0

    def draw(self, shape, **_):
        self.n += 1
        assert tuple(shape) == SHAPE
        return NOISE[self.n % BANK].clone()


def patch(cls, bank):
    module = __import__(cls.__module__, fromlist=["x"])
    for name, double in (("torch", Double(torch)), ("np", Double(np))):
        if hasattr(module, name):
            setattr(module, name, double)
    if hasattr(module, "randn_tensor"):
        module.randn_tensor = bank.draw


def network(x, t):
    return 0.3 * torch.sin(1.7 * x + 0.01 * float(t)) + 0.1 * x


def learned(s, x, t):  # index.json's second formula behind the first where the class takes a variance
    out = network(x, t)
    if s.config.get("variance_type") == "learned_range":
        out = torch.cat([out, 0.5 * torch.cos(x + 0.02 * float(t))], 1)
    return out


def plain(s, x, kwargs):
    for t in s.timesteps:
        x = s.step(network(x, t), t, x, **kwargs).prev_sample
        yield x, t


def unclip(s, x, _):  # pipeline_unclip.py
    ts = s.timesteps
    for i, t in enumerate(ts):
        previous = ts[i + 1] if i + 1 < len(ts) else None
        x = s.step(learned(s, x, t), t, x, prev_timestep=previous).prev_sample
        yield x, t


def wuerstchen(s, x, _):  # pipeline_wuerstchen.py
    for t in s.timesteps[:-1]:
        x = s.step(network(x, t), t.expand(SHAPE[0]), x).prev_sample
        yield x, t


def cogvideox_dpm(s, x, _):  # pipeline_cogvideox.py
    old, ts = None, s.timesteps
    for i, t in enumerate(ts):
        x, old = s.step(network(x, t), old, t, ts[i - 1] if i > 0 else None, x, return_dict=False)
        yield x, t


def sde_ve(s, x, _):  # pipeline_score_sde_ve.py, without correction
    assert s.config.correct_steps == 0
    s.set_sigmas(len(s.timesteps))
    for i, t in enumerate(s.timesteps):
        out = s.step_pred(network(x, s.sigmas[i]), t, x)
        x = out.prev_sample
        yield (out.prev_sample_mean if i + 1 == len(s.timesteps) else x), s.sigmas[i]


def sde_vp(s, x, _):  # the pipeline is no longer part of the library
    for i, t in enumerate(s.timesteps):
        x, mean = s.step_pred(network(x, t), x, t)
        yield (mean if i + 1 == len(s.timesteps) else x), t


def karras_ve(s, x, _):  # pipeline_stochastic_karras_ve.py
    for t in s.timesteps:
        sigma, before = s.schedule[t], s.schedule[t - 1] if t > 0 else 0
        hat, level = s.add_noise_to_input(x, sigma)
        out = s.step(network(hat, level), level, before, hat)
        x = out.prev_sample
        if before != 0:
            x = s.step_correct(network(x, before), level, before, hat, x, out["derivative"]).prev_sample
        yield x, level


LOOPS = {"UnCLIPScheduler": unclip, "DDPMWuerstchenScheduler": wuerstchen, "CogVideoXDPMScheduler": cogvideox_dpm,
         "ScoreSdeVeScheduler": sde_ve, "ScoreSdeVpScheduler": sde_vp, "KarrasVeScheduler": karras_ve}


def run(case):
    name, bank = case["class"], Bank()
    cls = getattr(diffusers, name, None) or getattr(deprecated, name)
    patch(cls, bank)
    if name.startswith("LTX"):
        patch(diffusers.FlowMatchEulerDiscreteScheduler, bank)
    s = cls.from_config(case["config"])  # keeps the keys of its base class
    args = dict(case.get("set_kwargs", {}))
    if "steps" in case:
        args["num_inference_steps"] = case["steps"]
    s.set_timesteps(**args)
    init = float(getattr(s, "init_noise_sigma", 1))
    x = NOISE[0] * init
    steps, times, draws, before = [], [], [], 0
    if name.startswith("LTX"):
        s.timesteps = s.timesteps[:len(s.sigmas) - 1]
    for x, t in LOOPS.get(name, plain)(s, x, case.get("step_kwargs", {})):
        assert x.dtype == torch.float64 and torch.isfinite(x).all(), case
        steps.append(x.flatten())
        times.append(float(t))
        draws.append(list(range(before + 1, bank.n + 1)))
        before = bank.n
    return torch.stack(steps), dict(case, init_noise_sigma=init, times=times, draws=draws)


CASES = []


def add(cls, steps=6, set_kwargs=None, step_kwargs=None, **config):
    case = {"class": cls, "config": config}
    if steps:
        case["steps"] = steps
    if set_kwargs:
        case["set_kwargs"] = set_kwargs
    if step_kwargs:
        case["step_kwargs"] = step_kwargs
    CASES.append(case)


LATENT = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
KINDS, SPACINGS = ("epsilon", "v_prediction", "sample"), ("leading", "trailing", "linspace")


def parallel():
    ddim, ddpm = "DDIMParallelScheduler", "DDPMParallelScheduler"
    for c in (ddim, ddpm):
        for k in KINDS:
            for sp in SPACINGS:
                add(c, prediction_type=k, timestep_spacing=sp)
        add(c, 7, clip_sample=False, **LATENT)
        add(c, 7, clip_sample_range=0.6, beta_schedule="squaredcos_cap_v2")
        add(c, 8, thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=1.5)
        add(c, 8, rescale_betas_zero_snr=True, timestep_spacing="trailing", prediction_type="v_prediction", **LATENT)
    for eta in (0.3, 1.0):
        for ucm in (False, True):
            add(ddim, 7, step_kwargs=dict(eta=eta, use_clipped_model_output=ucm))
        add(ddim, 5, step_kwargs=dict(eta=eta), set_alpha_to_one=False, steps_offset=1, **LATENT)
    for v in ("fixed_small", "fixed_small_log", "fixed_large"):
        add(ddpm, 7, variance_type=v)
    add(ddpm, None, set_kwargs=dict(timesteps=[900, 555, 100, 3]))


def decoders():
    for k in ("epsilon", "sample"):
        for n in (2, 7, 25):
            add("UnCLIPScheduler", n, prediction_type=k)
        add("UnCLIPScheduler", 7, prediction_type=k, clip_sample_range=0.4)
        add("UnCLIPScheduler", 7, prediction_type=k, variance_type="learned_range")
        add("UnCLIPScheduler", 7, prediction_type=k, clip_sample=False, num_train_timesteps=300)
    w = "DDPMWuerstchenScheduler"
    for n in (1, 4, 12, 60, 170):
        add(w, n)
    add(w, None, set_kwargs=dict(timesteps=[1.0, 0.999, 0.5, 0.1, 0.002, 0.001, 0.0]))  # beyond both bounds
    for scaler in (0.5, 2.0):
        add(w, 10, scaler=scaler)
    add(w, 10, s=0.02)
    add(w, None, set_kwargs=dict(timesteps=[1.0, 0.8, 0.7, 0.3, 0.0]))
    add(w, None, set_kwargs=dict(timesteps=[0.9, 0.5, 0.2]))


def video():
    for c in ("CogVideoXDDIMScheduler", "CogVideoXDPMScheduler"):
        for k in KINDS:
            for sp in SPACINGS:
                add(c, 6, prediction_type=k, timestep_spacing=sp)
        for n in (1, 2, 3, 5, 13):
            for shift in (1.0, 3.0):
                add(c, n, snr_shift_scale=shift, rescale_betas_zero_snr=True, prediction_type="v_prediction",
                    timestep_spacing="trailing")
        add(c, 6, set_alpha_to_one=False, steps_offset=1)
        add(c, 6, clip_sample=True, clip_sample_range=0.1)  # which it does not use
        add(c, 6, beta_schedule="linear", beta_start=1e-4, beta_end=0.02)
        add(c, 6, beta_schedule="squaredcos_cap_v2")


def scores():
    ve, vp, karras = "ScoreSdeVeScheduler", "ScoreSdeVpScheduler", "KarrasVeScheduler"
    for n in (2, 5, 30):
        add(ve, n, correct_steps=0)
        add(vp, n)
    add(ve, 9, correct_steps=0, sigma_min=0.1, sigma_max=50.0, num_train_timesteps=100)
    add(ve, 12, correct_steps=0, sampling_eps=0.15)  # the index of the level falls behind
    add(vp, 12, sampling_eps=0.05, beta_min=0.2, beta_max=12.0)
    for n in (2, 5, 10):
        add(karras, n, sigma_max=10.0)
    add(karras, 60, sigma_max=2.0, s_churn=15)  # less than sqrt(2)-1 a step
    add(karras, 8)
    add(karras, 8, s_churn=0)
    add(karras, 8, s_churn=2, s_min=0.5, s_max=3.0, s_noise=1.02, sigma_min=0.1, sigma_max=4.0)


def flows():
    ltx = "LTXEulerAncestralRFScheduler"
    for eta in (0.0, 0.4, 1.0):
        for n in (1, 2, 8):
            add(ltx, n, eta=eta)
    add(ltx, 8, s_noise=0.9)
    add(ltx, 8, shift=3.0)
    add(ltx, 8, use_dynamic_shifting=True, shift_terminal=0.1, set_kwargs=dict(mu=0.9))
    add(ltx, None, set_kwargs=dict(sigmas=[1.0, 0.9, 0.6, 0.2, 0.0]))
    add(ltx, None, set_kwargs=dict(sigmas=[0.8, 0.6, 0.2]), eta=0.5)


def main():
    parallel()
    decoders()
    video()
    scores()
    flows()
    tensors = {"noise": NOISE.reshape(BANK, -1)}
    index = []
    for i, case in enumerate(CASES):
        steps, meta = run(case)
        tensors[f"{i:03d}"] = steps
        index.append(dict(id=f"{i:03d}", **meta))
    save_file(tensors, os.path.join(HERE, "loops.safetensors"))
    with open(os.path.join(HERE, "loops.json"), "w") as f:
        f.write('{"diffusers": "%s", "torch": "%s", "cases": [\n' % (diffusers.__version__, torch.__version__))
        f.write(",\n".join(json.dumps(c) for c in index) + "\n]}\n")
    print(len(index), "cases")


torch.set_default_dtype(torch.float64)
main()

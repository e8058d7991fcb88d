"""Writes grids.json: noise levels of reference programs, for reference_test.go.

diffusers' entries come from diffusers itself (0.42.1; torch 2.15, numpy 2.4, scipy 1.17): it keeps the levels in
float32, hence a tolerance of 1e-7. The others are the definitions of k-diffusion (sampling.py, external.py),
ComfyUI (comfy/samplers.py, comfy_extras/nodes_align_your_steps.py) and A1111 (modules/sd_schedulers.py), written
here once more from their description, in numpy's float64.

    python make_grids.py        writes grids.json beside itself
"""

import json
import pathlib

import numpy as np
import scipy.stats
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.pipelines.mochi.pipeline_mochi import linear_quadratic_schedule
from diffusers.schedulers import AysSchedules

STABLE_DIFFUSION = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
BETAS = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
BAR = np.cumprod(1 - BETAS)
SIGMAS = np.sqrt((1 - BAR) / BAR)
LOW, HIGH = SIGMAS[0], SIGMAS[-1]
STEPS = [1, 2, 5, 10, 33]

cases = []


def add(source, name, steps, levels, end="zero", tolerance=1e-11, **options):
    cases.append(dict(source=source, name=name, steps=steps, end=end, tolerance=tolerance, options=options,
                      levels=[float(v) for v in levels]))


# --- diffusers


def diffusers_grids():
    for n in STEPS:
        for switch in ["use_karras_sigmas", "use_exponential_sigmas", "use_lu_lambdas", "use_beta_sigmas"]:
            s = DPMSolverMultistepScheduler(**STABLE_DIFFUSION, **{switch: True})
            s.alphas_cumprod = torch.from_numpy(BAR)  # in place of a product in float32
            s.set_timesteps(n)
            add("diffusers", switch, n, s.sigmas.tolist(), tolerance=1e-7)
    for name, table in [("StableDiffusion", "align_your_steps"), ("StableDiffusionXL", "align_your_steps_sdxl"),
                        ("StableDiffusionVideo", "align_your_steps_svd")]:
        add("diffusers", table, 10, AysSchedules[name + "Sigmas"])


# --- flow


def flow():
    rows = []
    for n in [1, 2, 4, 28]:
        for shift in [1.0, 3.0, 1.15]:
            s = FlowMatchEulerDiscreteScheduler(shift=shift)
            s.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n).tolist())
            rows.append(dict(steps=n, kind="shift", shift=shift, levels=s.sigmas.tolist()))
        for tokens in [256, 1024, 4096]:
            mu = calculate_shift(tokens)
            for kind in ["exponential", "linear"]:
                s = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, time_shift_type=kind)
                s.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n).tolist(), mu=mu)
                rows.append(dict(steps=n, kind=kind, tokens=tokens, mu=mu, levels=s.sigmas.tolist()))
        if n > 1:
            s = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.1)
            s.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n).tolist(), mu=1.15)
            rows.append(dict(steps=n, kind="terminal", mu=1.15, terminal=0.1, levels=s.sigmas.tolist()))
    return rows


# --- k-diffusion, ComfyUI, A1111


def level_at(t):
    """Noise level of a real timestep, its logarithm linear between the timesteps (k-diffusion t_to_sigma)."""
    return np.exp(np.interp(t, np.arange(len(SIGMAS)), np.log(SIGMAS)))


def polyexponential():
    for n in STEPS:
        for rho in [0.5, 1.0, 2.0]:
            ramp = np.linspace(1, 0, n) ** rho
            add("k-diffusion", "polyexponential", n,
                [*np.exp(ramp * (np.log(HIGH) - np.log(LOW)) + np.log(LOW)), 0], rho=rho)


def kl_optimal():
    for n in STEPS:
        share = np.arange(n) / max(n - 1, 1)
        add("ComfyUI", "kl_optimal", n, [*np.tan(share * np.arctan(LOW) + (1 - share) * np.arctan(HIGH)), 0])
        share = np.arange(n + 1) / n
        add("A1111", "KL Optimal", n, np.tan(share * np.arctan(LOW) + (1 - share) * np.arctan(HIGH)), end="sigma_min")


def uniform():
    for n in STEPS:
        add("ComfyUI", "uniform", n, [*level_at(np.linspace(999, 0, n)), 0])
        add("ComfyUI", "sgm_uniform", n, [*level_at(np.linspace(999, 0, n + 1)[:-1]), 0])


def table():
    for n in [*STEPS, 7, 20, 30]:
        picked = [999 - int(k * (1000 / n)) for k in range(n)]
        add("ComfyUI", "simple", n, [*SIGMAS[picked], 0])
        picked = np.arange(1, 1000, max(1000 // n, 1))[::-1]
        if len(picked) == n:  # ComfyUI takes more steps than it is asked for where n does not divide 1000
            add("ComfyUI", "ddim_uniform", n, [*SIGMAS[picked], 0])


def beta_timesteps():
    for n in [*STEPS, 100]:
        picked = np.rint(scipy.stats.beta.ppf(1 - np.linspace(0, 1, n, endpoint=False), 0.6, 0.6) * 999).astype(int)
        assert len(set(picked)) == n  # ComfyUI drops what repeats
        add("ComfyUI", "beta_timesteps", n, [*SIGMAS[picked], 0])


def linear_quadratic():
    for n in STEPS[1:]:
        own = linear_quadratic_schedule(n, 0.025)
        add("diffusers", "linear_quadratic", n, [*(HIGH * np.array(own)), 0])
    add("ComfyUI", "linear_quadratic", 1, [HIGH, 0])


def align_your_steps():
    tables = {"align_your_steps": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
              "align_your_steps_sdxl": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]}
    for name, t in tables.items():
        for n in STEPS:
            new = np.interp(np.linspace(0, 10, n + 1), np.arange(11), np.log(t))
            add("ComfyUI", name, n, [*np.exp(new[:-1]), 0])


diffusers_grids()
polyexponential()
kl_optimal()
uniform()
table()
beta_timesteps()
linear_quadratic()
align_your_steps()
out = pathlib.Path(__file__).with_name("grids.json")
out.write_text("{\"levels\": [\n" + ",\n".join(json.dumps(c) for c in cases) + "\n],\n\"flow\": [\n" +
               ",\n".join(json.dumps(r) for r in flow()) + "\n]}\n")

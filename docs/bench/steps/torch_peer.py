"""torch's side of docs/bench/steps.py: the same lines as main.go, by diffusers' schedulers and torch.randn."""

import sys
import time
import warnings

import diffusers
import torch

warnings.filterwarnings("ignore")
SCHEDULERS = {
    "ddim": lambda **k: diffusers.DDIMScheduler(clip_sample=False, **k),
    "dpmpp_2m": lambda **k: diffusers.DPMSolverMultistepScheduler(**k),
    "dpmpp_2m_sde": lambda **k: diffusers.DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", **k),
}


def normals(elements, n):
    torch.randn(elements)
    start = time.perf_counter()
    for _ in range(n):
        torch.randn(elements)
    return (time.perf_counter() - start) / n


def step(name, requests, elements, n):
    scheduler = SCHEDULERS[name](beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    scheduler.set_timesteps(n + 2)
    x, out = torch.randn(requests, elements), torch.randn(2 * requests, elements)
    for i, t in enumerate(scheduler.timesteps):
        if i == 2:
            start = time.perf_counter()
        torch.cat([x, x])  # the next input of both conditions
        uncond, cond = out.chunk(2)
        x = scheduler.step(uncond + 7.5 * (cond - uncond), t, x, return_dict=False)[0]
    return (time.perf_counter() - start) / n


def main() -> None:
    torch.set_grad_enabled(False)
    print("ready", f"torch {torch.__version__}, diffusers {diffusers.__version__}", flush=True)
    for line in sys.stdin:
        threads, name, requests, elements = line.split()
        torch.set_num_threads(int(threads))
        requests, elements = int(requests), int(elements)
        n = max(10, min(900, 2**24 // (requests * elements)))
        print(normals(elements, n) if name == "normals" else step(name, requests, elements, n), flush=True)


if __name__ == "__main__":
    main()

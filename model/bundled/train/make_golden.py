#!/usr/bin/env python3
"""Write what diffusers computes with the model `fashion`, for the tests of the Go code.

The weights are fp16, the arithmetic is float32, on one thread. The file has

    x, t, y     [4,1,28,28] noise, times 999 500 100 0, classes 0 3 9 and 10 (no class)
    v           [4,1,28,28] the network's output for them
    y_sample    classes 0 1 8 9 of the samples below
    out_*       [4,1,28,28] samples that start from x, guidance 2, of

    ddim20, ddim20_clip   DDIM, 20 steps, x0 clipped or not
    dpmpp2m10             DPM-Solver++ 2M, 10 steps
    euler20               Euler, 20 steps
    unipc8                UniPC, 8 steps
    heun8                 Heun, 8 Karras sigmas

with trailing spacing, but for Heun.
"""
import argparse
import os

import torch
from diffusers import (
    DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler,
    UNet2DModel, UniPCMultistepScheduler)
from safetensors.torch import save_file

import common

GUIDANCE = 2.0


def samplers():
    """Return name -> (scheduler, steps)."""
    schedule = {**common.SCHEDULE, "timestep_spacing": "trailing"}
    return {
        "ddim20": (DDIMScheduler(**schedule, clip_sample=False), 20),
        "ddim20_clip": (DDIMScheduler(**schedule, clip_sample=True), 20),
        "dpmpp2m10": (DPMSolverMultistepScheduler(**schedule), 10),
        "euler20": (EulerDiscreteScheduler(**schedule), 20),
        "unipc8": (UniPCMultistepScheduler(**schedule), 8),
        "heun8": (HeunDiscreteScheduler(**common.SCHEDULE, use_karras_sigmas=True), 8),
    }


@torch.no_grad()
def golden(net):
    """Return the tensors of the file."""
    x = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(5))
    t = torch.tensor([999.0, 500.0, 100.0, 0.0])
    y = torch.tensor([0, 3, 9, common.NO_CLASS])
    wanted = torch.tensor([0, 1, 8, 9])
    tensors = {"x": x, "t": t, "y": y, "y_sample": wanted,
               "v": net(x, t.long(), class_labels=y).sample}
    for name, (sampler, steps) in samplers().items():
        sampler.set_timesteps(steps)
        z = x * sampler.init_noise_sigma
        for time in sampler.timesteps:
            v = common.predict(net, sampler.scale_model_input(z, time), time, wanted, GUIDANCE)
            z = sampler.step(v, time, z).prev_sample
        tensors["out_" + name] = z
        print(f"{name}: {z.min():.3f} to {z.max():.3f}, deviation {z.std():.3f}")
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the exported folder of the model")
    parser.add_argument("--out", default="golden.safetensors", help="the file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = UNet2DModel.from_pretrained(
        os.path.join(args.model, "unet"), variant="fp16", torch_dtype=torch.float32).eval()
    save_file(golden(net), args.out + ".tmp")
    os.replace(args.out + ".tmp", args.out)
    print("wrote", args.out)


if __name__ == "__main__":
    main()

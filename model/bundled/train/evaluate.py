#!/usr/bin/env python3
"""Measure both models by the classifier of package internal/quality, as the Go code does.

Prints for every sampler the class accuracy, the Fréchet distance from 10,000 real images and the
diversity within a class; the first line is what real images have. See the package for what the
figures mean: a Fréchet distance of n samples is to be compared with that of n real images.
"""
import argparse
import inspect
import os
import sys
import time

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, LCMScheduler, UNet2DModel
from safetensors.torch import load_file

import common

HERE = os.path.dirname(os.path.abspath(__file__))
QUALITY = os.path.join(HERE, "..", "..", "..", "internal", "quality")
sys.path.insert(0, os.path.join(QUALITY, "train"))
import train_classifier as quality  # noqa: E402  (the folder must be on the path first)


def load_network(folder):
    """Return the fp16 network of an exported model, to be run in float32."""
    net = UNet2DModel.from_pretrained(
        os.path.join(folder, "unet"), variant="fp16", torch_dtype=torch.float32)
    return net.eval().to(memory_format=torch.channels_last)


def load_classifier():
    """Return the committed classifier and its reference statistics."""
    net = quality.network()
    weights = load_file(os.path.join(QUALITY, "data", "classifier.safetensors"))
    net.load_state_dict({name: value.float() for name, value in weights.items()})
    reference = load_file(os.path.join(QUALITY, "data", "reference.safetensors"))
    return net.eval(), {name: value.numpy() for name, value in reference.items()}


def frechet(features, reference):
    """Return the Fréchet distance of features [n, 64] from the reference."""
    mean, cov = features.mean(0), np.cov(features.T)
    root = quality.linalg.sqrtm(cov @ reference["cov"]).real
    return (((mean - reference["mean"]) ** 2).sum()
            + np.trace(cov) + np.trace(reference["cov"]) - 2 * np.trace(root))


@torch.no_grad()
def sample(net, sampler, steps, guidance, classes, seed=3):
    """Return one image a class number, [n, 1, 28, 28]."""
    sampler.set_timesteps(steps)
    noise = torch.Generator().manual_seed(seed)
    x = torch.randn(len(classes), 1, 28, 28, generator=noise) * sampler.init_noise_sigma
    takes = inspect.signature(sampler.step).parameters
    extra = {"generator": noise} if "generator" in takes else {}
    for t in sampler.timesteps:
        v = common.predict(net, sampler.scale_model_input(x, t), t, classes, guidance)
        x = sampler.step(v, t, x, **extra).prev_sample
    return x


def runs(fashion, student):
    """Return (name, network, sampler, steps, guidance) of everything that is measured."""
    schedule = {**common.SCHEDULE, "timestep_spacing": "trailing"}
    lcm = LCMScheduler(**common.SCHEDULE, original_inference_steps=50, clip_sample=True)
    ddim = DDIMScheduler(**schedule, clip_sample=False)
    return [
        ("DPM-Solver++ 2M", fashion, DPMSolverMultistepScheduler(**schedule), 10, 1.0),
        ("DPM-Solver++ 2M", fashion, DPMSolverMultistepScheduler(**schedule), 10, 2.0),
        ("DDIM, no clip", fashion, ddim, 20, 2.0),
        ("LCM, undistilled", fashion, lcm, 4, 1.0),
        ("LCM student", student, lcm, 1, 1.0),
        ("LCM student", student, lcm, 4, 1.0),
        ("LCM student", student, lcm, 8, 1.0),
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=os.path.join(HERE, ".."),
                        help="folder with fashion/ and fashion_lcm/")
    parser.add_argument("--images", type=int, default=20, help="images a class")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    classifier, reference = load_classifier()
    print(f"{'real images':18s} {'':22s} accuracy {reference['accuracy'][0]:.3f} "
          f"diversity {reference['diversity'][0]:.2f} frechet " + ", ".join(
              f"{d:.2f} (n = {n:.0f})"
              for n, d in zip(reference["floor_n"], reference["floor_rest"])), flush=True)
    classes = torch.arange(common.CLASSES).repeat_interleave(args.images)
    models = [load_network(os.path.join(args.models, name)) for name in ("fashion", "fashion_lcm")]
    for name, net, sampler, steps, guidance in runs(*models):
        start = time.time()
        images = sample(net, sampler, steps, guidance, classes)
        features, logits = quality.evaluate(classifier, images.clamp(-1, 1))
        features = features.double().numpy()
        print(f"{name:18s} {steps:2d} steps, guidance {guidance:3.1f} "
              f"accuracy {quality.accuracy(logits, classes):.3f} "
              f"diversity {quality.diversity(features, classes.numpy()):.2f} "
              f"frechet {frechet(features, reference):.2f} (n = {len(classes)}), "
              f"{time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()

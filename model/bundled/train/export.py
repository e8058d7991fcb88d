#!/usr/bin/env python3
"""Write a trained network as the diffusers folder that the Go package embeds.

    OUT/model_index.json
    OUT/scheduler/scheduler_config.json
    OUT/unet/config.json
    OUT/unet/diffusion_pytorch_model.fp16.safetensors
"""
import argparse
import json
import os
import tempfile

import torch
from diffusers import DDPMScheduler, LCMScheduler, UNet2DModel

import common


def scheduler(kind, grid):
    """Return the scheduler whose configuration is stored with the model."""
    if kind == "lcm":
        return LCMScheduler(
            **common.SCHEDULE, original_inference_steps=grid, clip_sample=True)
    # Not clipped: clipping x0 and keeping the unclipped epsilon spoils guided DDIM samples.
    return DDPMScheduler(**common.SCHEDULE, clip_sample=False, timestep_spacing="trailing")


def forget_origin(path):
    """Take the folder that a network was loaded from out of its config.json."""
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config.pop("_name_or_path", None)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")


def export(args):
    """Write the folder; a folder that exists already gets the new files one by one."""
    parent = os.path.dirname(os.path.abspath(args.out))
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        net = UNet2DModel.from_pretrained(args.unet, torch_dtype=torch.float16)
        net.save_pretrained(os.path.join(folder, "unet"), variant="fp16")
        forget_origin(os.path.join(folder, "unet", "config.json"))
        chosen = scheduler(args.kind, args.grid)
        chosen.save_pretrained(os.path.join(folder, "scheduler"))
        index = {
            "_class_name": "DDPMPipeline",
            "_diffusers_version": chosen.config["_diffusers_version"],
            "scheduler": ["diffusers", type(chosen).__name__],
            "unet": ["diffusers", "UNet2DModel"],
            "_cudiffuse": {"class_names": common.CLASS_NAMES, "no_class": common.NO_CLASS},
        }
        with open(os.path.join(folder, "model_index.json"), "w", encoding="utf-8") as file:
            json.dump(index, file, indent=1)
            file.write("\n")
        for root, _, names in os.walk(folder):
            target = os.path.join(args.out, os.path.relpath(root, folder))
            os.makedirs(target, exist_ok=True)
            for name in names:
                os.chmod(os.path.join(root, name), 0o644)  # the writer makes private files
                os.replace(os.path.join(root, name), os.path.join(target, name))
    print("wrote", args.out)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unet", help="the folder that train.py or distill_lcm.py made")
    parser.add_argument("out", help="the folder to write")
    parser.add_argument("--kind", choices=("ddpm", "lcm"), default="ddpm",
                        help="which scheduler goes with it")
    parser.add_argument("--grid", type=int, default=50, help="original steps of the LCM schedule")
    export(parser.parse_args())


if __name__ == "__main__":
    main()

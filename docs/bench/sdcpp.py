#!/usr/bin/env python3
"""Times guided steps of Stable Diffusion 1.5's network in stable-diffusion.cpp, on weights as random as those of
networks.py: seconds of a step, two evaluations of batch 1, for 1 and 2 threads.

usage: sdcpp.py make TORCH_PYTHON FOLDER    makes the folder (4.3 GB), with torch, diffusers and transformers
       sdcpp.py run FOLDER                  in a Python with stable-diffusion-cpp-python (tried with 0.4.7)

512x512 pixels, float32, flash attention off, which is that program's default, and on.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
MAKE = """
import json, pathlib, sys, diffusers, torch, transformers
from safetensors.torch import save_file
torch.manual_seed(0)
out = pathlib.Path(sys.argv[2])
config = json.load(open(sys.argv[1]))
diffusers.UNet2DConditionModel.from_config(config).save_pretrained(out / "unet")
diffusers.AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512,
    down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4).save_pretrained(out / "vae")
clip = transformers.CLIPTextModel(transformers.CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072,
    num_hidden_layers=12, num_attention_heads=12))
state = {("" if k.startswith("text_model.") else "text_model.") + k: v.contiguous() for k, v in clip.state_dict().items()}
(out / "text_encoder").mkdir(exist_ok=True)
save_file(state, out / "text_encoder" / "model.safetensors", metadata={"format": "pt"})
"""


STEPS = 3


def one(folder, flash, threads):
    """Prints when each step ended, and leaves before the image is decoded."""
    from stable_diffusion_cpp import StableDiffusion

    ends = []

    def progress(step, steps, _):
        if steps == STEPS:
            ends.append(time.perf_counter())
            if step == steps:
                print(json.dumps([b - a for a, b in zip(ends, ends[1:])]), flush=True)
                os._exit(0)

    sd = StableDiffusion(model_path=folder, n_threads=threads, wtype="f32", diffusion_flash_attn=flash, verbose=False)
    sd.generate_image("a photo of a cat", width=512, height=512, sample_steps=STEPS, cfg_scale=7, seed=1, progress_callback=progress)


def run(folder):
    for threads in (1, 2):
        for flash in (False, True):
            line = subprocess.run([sys.executable, __file__, "one", folder, str(int(flash)), str(threads)], check=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()[-1]
            print(f"{threads} threads, flash attention {'on' if flash else 'off'}: "
                  + ", ".join(f"{s:.1f}" for s in json.loads(line)) + " s a step", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        folder = pathlib.Path(sys.argv[3])
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.argv[2], "-W", "ignore", "-c", MAKE, HERE.parent.parent / "model/lower/testdata/sd15.json", folder], check=True)
    elif sys.argv[1] == "one":
        one(sys.argv[2], sys.argv[3] == "1", int(sys.argv[4]))
    else:
        run(sys.argv[2])

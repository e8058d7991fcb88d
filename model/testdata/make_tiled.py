"""Makes tiled.safetensors in the folder of the autoencoder vae_kl: what diffusers computes in tiles (enable_tiling) of 8
and of 4 latents a side. Usage: make_tiled.py TESTDATA. Made with diffusers 0.42.1 and torch 2.15.0."""
import os
import sys

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

torch.set_num_threads(1)
folder = os.path.join(sys.argv[1], "vae_kl")
vae = AutoencoderKL.from_pretrained(folder).eval()
gen = torch.Generator().manual_seed(77)
# 13 is one latent more than two tiles of 8 hold, which blends less than a full edge
z, x = (torch.randn(*s, generator=gen) for s in [(2, 4, 13, 21), (2, 3, 26, 42)])
out = {"in.z": z, "in.x": x}
vae.enable_tiling()
with torch.no_grad():
    for latents in 8, 4:
        vae.tile_latent_min_size, vae.tile_sample_min_size = latents, 2 * latents
        d = vae.encode(x).latent_dist
        out |= {f"out.dec{latents}": vae.decode(z).sample, f"out.mean{latents}": d.mean, f"out.logvar{latents}": d.logvar}
save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, "tiled.safetensors"))

"""Makes the dit* folders: DiTTransformer2DModels with random weights, saved by diffusers, and what diffusers
computes from a fixed input. Usage: make_transformers.py OUT. Made with diffusers 0.42.1 and torch 2.15.0."""
import os
import sys

import torch
from diffusers import DiTTransformer2DModel
from safetensors.torch import save_file

from random_weights import saved

torch.set_num_threads(1)


def emit(name, times, side, labels, half=False, **config):
    folder = os.path.join(sys.argv[1], name)
    model, gen = saved(lambda: DiTTransformer2DModel(**config), folder, half)
    tensors = {"in.x": torch.randn(2, config["in_channels"], side, side, generator=gen), "in.t": torch.tensor(times),
               "in.y": torch.tensor(labels)}

    def run(m, x):
        with torch.no_grad():
            return m(x, timestep=tensors["in.t"], class_labels=tensors["in.y"]).sample

    out = run(model, tensors["in.x"])
    off = (out.double() - run(model.double(), tensors["in.x"].double())).abs().max() / out.abs().max()
    print(name, sum(p.numel() for p in model.parameters()), "parameters; from float64:", float(off))
    tensors["out.sample"] = out
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


# The structure of DiT-XL.
emit("dit", [5, 777], 8, [3, 10], num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=8,
     num_layers=2, sample_size=8, patch_size=2, norm_num_groups=8, num_embeds_ada_norm=10)

# What it leaves out: no variance, patches of 3, latents of another size than it was made for (so that positions are
# squeezed), no biases in attention, the exact GELU, another epsilon, times between whole numbers.
emit("dit_gelu", [0.5, 998.0], 18, [0, 5], half=True, num_attention_heads=3, attention_head_dim=4, in_channels=3,
     num_layers=1, sample_size=12, patch_size=3, num_embeds_ada_norm=5, activation_fn="gelu", attention_bias=False,
     norm_eps=0.1)

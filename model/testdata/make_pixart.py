"""Makes the pixart* folders: PixArtTransformer2DModels with random weights, saved by diffusers, and what diffusers
computes from a fixed input, with a mask of the text's tokens. Usage: make_pixart.py OUT. Made with diffusers 0.42.1 and
torch 2.15.0."""
import os
import sys

import torch
from diffusers import PixArtTransformer2DModel
from safetensors.torch import save_file

from random_weights import saved

torch.set_num_threads(1)


def emit(name, times, size, lengths, sizes=None, half=False, **config):
    folder = os.path.join(sys.argv[1], name)
    model, gen = saved(lambda: PixArtTransformer2DModel(**config), folder, half)
    n, tokens = len(times), max(lengths)
    dim = config.get("caption_channels") or config["cross_attention_dim"]
    tensors = {"in.x": torch.randn(n, config["in_channels"], *size, generator=gen), "in.t": torch.tensor(times),
               "in.ctx": torch.randn(n, tokens, dim, generator=gen),
               "in.mask": torch.tensor([[1] * k + [0] * (tokens - k) for k in lengths])}
    if sizes:
        tensors["in.res"] = torch.tensor([s[:2] for s in sizes])
        tensors["in.ar"] = torch.tensor([s[2:] for s in sizes])

    def run(m, dtype):
        at = {k: v.to(dtype) if v.is_floating_point() else v for k, v in tensors.items()}
        with torch.no_grad():
            return m(at["in.x"], encoder_hidden_states=at["in.ctx"], timestep=at["in.t"],
                     encoder_attention_mask=at["in.mask"],
                     added_cond_kwargs=dict(resolution=at.get("in.res"), aspect_ratio=at.get("in.ar"))).sample

    out = run(model, torch.float32)
    off = (out.double() - run(model.double(), torch.float64)).abs().max() / out.abs().max()
    print(name, sum(p.numel() for p in model.parameters()), "parameters; from float64:", float(off))
    tensors["out.sample"] = out
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


# The structure of PixArt-alpha, and that of PixArt-Sigma, which has no micro-conditions.
small = dict(num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=8, num_layers=2, sample_size=8,
             patch_size=2, cross_attention_dim=24, caption_channels=20)
emit("pixart_alpha", [5, 777], (8, 8), [7, 4], [[512.0, 512.0, 1.0], [1024.0, 768.0, 1.333]],
     use_additional_conditions=True, **small)
emit("pixart_sigma", [5, 777], (8, 8), [7, 4], use_additional_conditions=False, **small)

# What they leave out: no variance, patches of 3, other sizes than it was made for and positions divided, no biases in
# attention, the exact GELU, another epsilon, a text of other features than the width that is not projected, times
# between whole numbers.
emit("pixart_odd", [0.5, 998.0], (15, 18), [1, 3], [[120.0, 144.0, 0.83], [1000.0, 250.0, 4.0]], half=True,
     num_attention_heads=3, attention_head_dim=4, in_channels=3, out_channels=3, num_layers=1, sample_size=12,
     patch_size=3, cross_attention_dim=10, caption_channels=None, interpolation_scale=2, activation_fn="gelu",
     attention_bias=False, norm_eps=0.1, use_additional_conditions=True)

"""Makes the sd3* folders: SD3Transformer2DModels with random weights, saved by diffusers, and what diffusers computes
from a fixed input. Usage: make_sd3.py OUT. Made with diffusers 0.42.1 and torch 2.15.0."""
import os
import sys

import torch
from diffusers import SD3Transformer2DModel
from safetensors.torch import save_file

from random_weights import saved

torch.set_num_threads(1)


def emit(name, times, size, tokens, half=False, **config):
    folder = os.path.join(sys.argv[1], name)
    model, gen = saved(lambda: SD3Transformer2DModel(joint_attention_dim=20, pooled_projection_dim=16, **config), folder, half)
    n = len(times)
    tensors = {"in.x": torch.randn(n, config["in_channels"], *size, generator=gen), "in.t": torch.tensor(times),
               "in.ctx": torch.randn(n, tokens, 20, generator=gen), "in.pooled": torch.randn(n, 16, generator=gen)}

    def run(m, dtype):
        x, t, ctx, pooled = (v.to(dtype) for v in tensors.values())
        with torch.no_grad():
            return m(x, encoder_hidden_states=ctx, pooled_projections=pooled, timestep=t).sample

    out = run(model, torch.float32)
    off = (out.double() - run(model.double(), torch.float64)).abs().max() / out.abs().max()
    print(name, sum(p.numel() for p in model.parameters()), "parameters; from float64:", float(off))
    tensors["out.sample"] = out
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


# The structure of Stable Diffusion 3 medium, and that of 3.5 medium.
small = dict(sample_size=8, patch_size=2, in_channels=4, out_channels=4, attention_head_dim=8, num_attention_heads=3,
             caption_projection_dim=24, pos_embed_max_size=12)
emit("sd3", [10.0, 801.0], (8, 8), 7, num_layers=2, **small)
emit("sd35", [801.0], (8, 8), 7, num_layers=3, qk_norm="rms_norm", dual_attention_layers=(0,), **small)

# What they leave out: other sizes than it was made for, where positions are cropped at rounded places, one token of
# text, a second attention in the last block and none in the first, patches of 3, other channels of output.
emit("sd3_odd", [0.5, 500.0], (15, 18), 1, half=True, sample_size=12, patch_size=3, in_channels=3, out_channels=5,
     attention_head_dim=4, num_attention_heads=2, caption_projection_dim=8, pos_embed_max_size=9, num_layers=2,
     qk_norm="rms_norm", dual_attention_layers=(1,))

"""Makes the unet_* folders: UNet2DConditionModels with random weights, saved by diffusers, and what diffusers
computes from a fixed input. Usage: make_condition_models.py OUT. Made with diffusers 0.42.1 and torch 2.15.0."""
import os
import sys

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from random_weights import saved

torch.set_num_threads(1)


def emit(name, times, size, tokens, labels=None, half=False, **config):
    """tokens: lengths of the context, in falling order; each gives an output, all from the same context cut short."""
    folder = os.path.join(sys.argv[1], name)
    model, gen = saved(lambda: UNet2DConditionModel(**config), folder, half)
    x = torch.randn(2, config["in_channels"], *size, generator=gen)
    context = torch.randn(2, tokens[0], config["cross_attention_dim"], generator=gen)
    tensors = {"in.x": x, "in.t": torch.tensor(times), "in.ctx": context}
    if config.get("time_cond_proj_dim"):
        tensors["in.tcond"] = torch.randn(2, config["time_cond_proj_dim"], generator=gen)
    if labels is not None:
        tensors["in.y"] = torch.tensor(labels)
    for n in tokens:
        with torch.no_grad():
            out = model(x, tensors["in.t"], context[:, :n], class_labels=tensors.get("in.y"),
                        timestep_cond=tensors.get("in.tcond")).sample
        tensors["out.sample" if n == tokens[0] else f"out.sample.{n}"] = out
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


# The shapes of Stable Diffusion 1.5, 2.1 (heads a level, linear projections) and LCM (embedded guidance).
SD = dict(sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=8, cross_attention_dim=24,
          block_out_channels=(16, 32), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
          up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
emit("unet_sd15", [10, 801], (8, 8), [7], **SD, attention_head_dim=4)
emit("unet_sd21", [10, 801], (8, 8), [7], **SD, attention_head_dim=(2, 4), use_linear_projection=True)
emit("unet_lcm", [259, 999], (8, 8), [7], **SD, attention_head_dim=4, time_cond_proj_dim=16)

# Options that these leave out, in small networks with fp16 files; contexts of 78, 77 and 1 tokens. The first has an
# odd size on every level, and heads that do not divide the channels.
emit("unet_odd", [3.5, 998.0], (13, 9), [78, 77, 1], [2, 0], half=True, sample_size=(13, 9), in_channels=5, out_channels=3,
     norm_num_groups=4, block_out_channels=(8, 12, 16), layers_per_block=(2, 1, 1), cross_attention_dim=10,
     transformer_layers_per_block=(1, 1, 2), attention_head_dim=(2, 5, 16), only_cross_attention=(False, True, True),
     down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"), class_embed_type="timestep",
     center_input_sample=True, conv_in_kernel=5, conv_out_kernel=1, mid_block_scale_factor=1.5, act_fn="gelu",
     time_embedding_act_fn="mish", time_embedding_dim=20, norm_eps=1e-3)
emit("unet_wide", [0, 500], (4, 10), [78, 77, 1], [4, 9], half=True, sample_size=None, in_channels=2, out_channels=2,
     norm_num_groups=3, block_out_channels=(9, 6), layers_per_block=1, cross_attention_dim=6, attention_head_dim=3,
     down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
     num_class_embeds=11, mid_block_type="UNetMidBlock2D", act_fn="mish", resnet_time_scale_shift="scale_shift",
     downsample_padding=0, flip_sin_to_cos=False, freq_shift=1)

"""Makes the unet2d_* folders: UNet2DModels with random weights, saved by diffusers, and what diffusers
computes from a fixed input. Usage: make_models.py OUT. Made with diffusers 0.42.1 and torch 2.15.0."""
import os
import sys

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

from random_weights import saved

torch.set_num_threads(1)


def emit(name, times, labels=None, half=False, **config):
    folder = os.path.join(sys.argv[1], name)
    model, gen = saved(lambda: UNet2DModel(**config), folder, half)
    size = config["sample_size"]
    height, width = (size, size) if isinstance(size, int) else size
    x = torch.randn(2, config["in_channels"], height, width, generator=gen)
    tensors = {"in.x": x, "in.t": torch.tensor(times)}
    if labels is not None:
        tensors["in.y"] = torch.tensor(labels)
    with torch.no_grad():
        tensors["out.sample"] = model(x, tensors["in.t"], class_labels=tensors.get("in.y")).sample
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


emit("unet2d_ddpm", [7, 911], sample_size=16, in_channels=3, out_channels=3, block_out_channels=(16, 32),
     layers_per_block=1, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
     up_block_types=("AttnUpBlock2D", "UpBlock2D"), norm_num_groups=8, attention_head_dim=None,
     downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6)
emit("unet2d_class", [3, 500], [4, 10], sample_size=12, in_channels=1, out_channels=1,
     block_out_channels=(16, 24, 32), layers_per_block=2,
     down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
     up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"), norm_num_groups=8,
     attention_head_dim=8, num_class_embeds=11)
emit("unet2d_scoresde", [0.5, 40.0], sample_size=16, in_channels=3, out_channels=3, block_out_channels=(32, 64),
     layers_per_block=1, down_block_types=("SkipDownBlock2D", "AttnSkipDownBlock2D"),
     up_block_types=("AttnSkipUpBlock2D", "SkipUpBlock2D"), norm_num_groups=8, time_embedding_type="fourier",
     attention_head_dim=8, mid_block_scale_factor=1.41421356, norm_eps=1e-6)
emit("unet2d_adm", [0, 999], [0, 4], sample_size=16, in_channels=3, out_channels=6, block_out_channels=(16, 32),
     layers_per_block=1, down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
     up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D"), norm_num_groups=8, attention_head_dim=8,
     resnet_time_scale_shift="scale_shift", downsample_type="resnet", upsample_type="resnet", num_class_embeds=5)

# Options that the four above leave out, each in the smallest network that has them; fp16 files.
TINY = dict(half=True, sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, norm_num_groups=4,
            block_out_channels=(8, 16))
emit("unet2d_mish", [0.25, 600.0], [3, 17],
     **dict(TINY, act_fn="mish", class_embed_type="timestep", center_input_sample=True, time_embedding_dim=24,
            attention_head_dim=12, block_out_channels=(12, 16), down_block_types=("AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D")))
emit("unet2d_gelu", [5, 999], [[0.1 * i for i in range(36)], [1.0 - 0.05 * i for i in range(36)]],
     **dict(TINY, act_fn="gelu", class_embed_type="identity", resnet_time_scale_shift="scale_shift",
            attn_norm_num_groups=2, mid_block_scale_factor=1.5, flip_sin_to_cos=False, freq_shift=0.5,
            block_out_channels=(9, 18), norm_num_groups=3, attention_head_dim=6,
            down_block_types=("AttnDownBlock2D", "ResnetDownsampleBlock2D"),
            up_block_types=("ResnetUpsampleBlock2D", "AttnUpBlock2D")))
emit("unet2d_relu", [1, 250],
     **dict(TINY, act_fn="relu", mid_block_type=None, sample_size=(8, 12), layers_per_block=2, downsample_type="resnet",
            upsample_type="resnet", attention_head_dim=4, block_out_channels=(8, 12, 8),
            down_block_types=("AttnDownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D", "UpBlock2D")))
emit("unet2d_skip", [0.02, 80.0], [1, 9],
     **dict(TINY, time_embedding_type="fourier", class_embed_type="timestep", norm_num_groups=None, add_attention=False,
            block_out_channels=(8, 12, 16), mid_block_scale_factor=1.41421356,
            down_block_types=("SkipDownBlock2D",) * 3, up_block_types=("SkipUpBlock2D",) * 3))

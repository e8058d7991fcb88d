"""Makes controlnet/: a ControlNetModel with random weights, saved by diffusers, and what diffusers computes from fixed
inputs: its residuals for a conditioning_scale of 0.8 (out.*), the same in guess mode (guess.*), those of reversed
channels (bgr.*), and what the U-Net of unet_sd15/ gives with the residuals out.* added (out.unet). Usage, in this
folder: make_controlnet.py. Made with diffusers 0.42.1 and torch 2.15.0."""
import os

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
FOLDER = "controlnet"


def make():
    """Weights and inputs; only when the folder is not there, since they depend on the version of torch."""
    torch.manual_seed(0)
    model = ControlNetModel(
        in_channels=4, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), cross_attention_dim=24,
        conditioning_embedding_out_channels=(4, 8))
    with torch.no_grad():  # no weight zero: the convolutions of the results would be
        for _, p in sorted(model.named_parameters()):
            p.add_(0.1 * torch.randn(*p.shape))
    model.save_pretrained(FOLDER)
    save_file({"in.x": torch.randn(1, 4, 8, 8), "in.t": torch.tensor([10]), "in.ctx": torch.randn(1, 7, 24),
               "in.cond": torch.randn(1, 3, 16, 16)}, f"{FOLDER}/golden.safetensors")


if not os.path.exists(FOLDER):
    make()
net = ControlNetModel.from_pretrained(FOLDER).eval()
unet = UNet2DConditionModel.from_pretrained("unet_sd15").eval()
kept = {k: v for k, v in load_file(f"{FOLDER}/golden.safetensors").items() if k.startswith("in.")}
x, t, ctx, cond = (kept["in." + k] for k in ("x", "t", "ctx", "cond"))


def residuals(prefix, **kwargs):
    with torch.no_grad():
        down, mid = net(x, t, ctx, controlnet_cond=cond, conditioning_scale=0.8, return_dict=False, **kwargs)
    kept.update({f"{prefix}.down{i}": v for i, v in enumerate(down)} | {f"{prefix}.mid": mid})
    return down, mid


residuals("guess", guess_mode=True)
net.register_to_config(controlnet_conditioning_channel_order="bgr")
residuals("bgr")
net.register_to_config(controlnet_conditioning_channel_order="rgb")
down, mid = residuals("out")
with torch.no_grad():
    kept["out.unet"] = unet(x, t, ctx, down_block_additional_residuals=down, mid_block_additional_residual=mid).sample
save_file({k: v.contiguous() for k, v in kept.items()}, f"{FOLDER}/golden.safetensors")

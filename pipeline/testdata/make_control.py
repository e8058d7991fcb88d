"""Makes control/: a tiny ControlNet with random weights for the pipeline of sd15/, and what diffusers makes of prompts and
a control image with both. Usage, in this folder: make_control.py. Made with diffusers 0.42.1, transformers 5.23.0 and
torch 2.15.0."""
import json

import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from diffusers.utils import logging
from safetensors.torch import save_file

logging.set_verbosity_error()
torch.set_num_threads(1)
torch.manual_seed(7)
gen = torch.Generator().manual_seed(77)
net = ControlNetModel(in_channels=4, layers_per_block=1, norm_num_groups=2, block_out_channels=(4, 8),
                      cross_attention_dim=16, attention_head_dim=2,
                      down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                      conditioning_embedding_out_channels=(4, 8))
with torch.no_grad():  # no weight zero: the convolutions of the results would be
    for _, p in sorted(net.named_parameters()):
        scale = 0.3 if p.ndim <= 1 or float(p.abs().max()) == 0 else 0.05
        p.add_(scale * torch.randn(*p.shape, generator=gen))
net = net.eval()
net.save_pretrained("control/controlnet")
base = StableDiffusionPipeline.from_pretrained("sd15", safety_checker=None)
pipe = StableDiffusionControlNetPipeline(**{**base.components, "controlnet": net}, requires_safety_checker=False)
pipe.set_progress_bar_config(disable=True)

image = torch.randint(0, 256, (1, 3, 16, 24), generator=gen) / 255
common = dict(prompt="a photo of a cat", negative_prompt="blurry", num_inference_steps=4, height=16, width=24)
calls = {
    "plain": dict(common, guidance_scale=5.0, seed=3, controlnet_conditioning_scale=1.0, guess_mode=False),
    "weak": dict(common, guidance_scale=7.5, seed=4, controlnet_conditioning_scale=0.4, guess_mode=False),
    "guess": dict(common, guidance_scale=3.0, seed=5, controlnet_conditioning_scale=0.9, guess_mode=True),
    "unguided": dict(common, guidance_scale=1.0, seed=6, controlnet_conditioning_scale=1.0, guess_mode=True),
}
out = {"image": image[0]}
for name, args in calls.items():
    args = dict(args)
    generator = torch.Generator().manual_seed(args.pop("seed"))
    with torch.no_grad():
        out[name + ".latents"] = pipe(image=image, generator=generator, output_type="latent", **args).images[0]
save_file({k: v.contiguous() for k, v in out.items()}, "control/golden.safetensors")
with open("control/calls.json", "w") as f:
    json.dump(calls, f, indent=1)
    f.write("\n")

"""Makes dit/: a tiny DiTPipeline with random weights, and what diffusers draws with it. Usage, in this folder:
make_dit.py. Made with diffusers 0.42.1 and torch 2.15.0 (CPU, float32)."""
import json

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel
from diffusers.utils import logging
from safetensors.torch import save_file

logging.set_verbosity_error()
torch.set_num_threads(1)
torch.manual_seed(7)
gen = torch.Generator().manual_seed(77)
# The pipeline takes class 1000 for none, so there must be a thousand others.
net = DiTTransformer2DModel(num_attention_heads=2, attention_head_dim=4, in_channels=4, out_channels=8, num_layers=1,
                            sample_size=8, patch_size=2, num_embeds_ada_norm=1000)
vae = AutoencoderKL(block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2,
                    up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, norm_num_groups=2, sample_size=16)
with torch.no_grad():  # no weight zero: the gates would be
    for _, p in sorted(net.named_parameters()) + sorted(vae.named_parameters()):
        p.add_((0.3 if p.ndim <= 1 else 0.1) * torch.randn(*p.shape, generator=gen))
# As facebook/DiT-XL-2-256.
ddim = DDIMScheduler(beta_start=0.0001, beta_end=0.02, clip_sample=False)
pipe = DiTPipeline(net.eval(), vae.eval(), ddim)
pipe.set_progress_bar_config(disable=True)
pipe.save_pretrained("dit")
with open("dit/model_index.json") as f:
    index = json.load(f)
# Where save_pretrained leaves it out. Two of ImageNet's classes are called crane.
index["id2label"] = {"0": "tench, Tinca tinca", "2": "great white shark, white shark", "134": "crane", "517": "crane",
                     "999": "toilet tissue, toilet paper, bathroom tissue"}
with open("dit/model_index.json", "w") as f:
    json.dump(index, f, indent=1)
    f.write("\n")

calls = {
    "guided": dict(class_labels=[2, 999], guidance_scale=4.0, num_inference_steps=5, seed=3),
    "unguided": dict(class_labels=[0], guidance_scale=1.0, num_inference_steps=3, seed=9),
    "one": dict(class_labels=[517], guidance_scale=1.5, num_inference_steps=1, seed=5),
}
out = {}
for name, args in calls.items():
    args = dict(args)
    seed = args.pop("seed")
    hook = pipe.vae.decoder.register_forward_hook(lambda _, __, y, name=name: out.update({name + ".decoded": y.detach()}))
    old, given = pipe.vae.decode, []
    pipe.vae.decode = lambda z: (given.append(z), old(z))[1]
    pipe(generator=[torch.Generator().manual_seed(seed + i) for i in range(len(args["class_labels"]))], output_type="pt", **args)
    pipe.vae.decode = old
    hook.remove()
    out[name + ".latents"] = given[0] * pipe.vae.config.scaling_factor
save_file({k: v.contiguous() for k, v in out.items()}, "dit/golden.safetensors")
with open("dit/calls.json", "w") as f:
    json.dump(calls, f, indent=1)
    f.write("\n")

"""Makes pag/: what diffusers makes of prompts with perturbed-attention guidance on the tiny networks of sd15/, and the
same with transformer blocks that do nothing in its place. Usage, in this folder: make_pag.py. Made with
diffusers 0.42.1, transformers 5.23.0 and torch 2.15.0."""
import json

import torch
from diffusers import StableDiffusionPAGPipeline, StableDiffusionPipeline
from diffusers.utils import logging
from safetensors.torch import save_file

logging.set_verbosity_error()
torch.set_num_threads(1)
base = StableDiffusionPipeline.from_pretrained("sd15", safety_checker=None)

common = dict(prompt="a photo of a cat", negative_prompt="blurry", num_inference_steps=4, height=16, width=24)
calls = {
    "mid": dict(common, pag_applied_layers=["mid"], guidance_scale=5.0, pag_scale=3.0, seed=3),
    "mid_unguided": dict(common, pag_applied_layers=["mid"], guidance_scale=1.0, pag_scale=3.0, seed=4),
    "levels": dict(common, pag_applied_layers=["down_blocks.0", "up_blocks.1.attentions.0"], guidance_scale=7.5,
                   pag_scale=1.5, seed=5),
    "levels_unguided": dict(common, pag_applied_layers=["down_blocks.0", "up_blocks.1.attentions.0"],
                            guidance_scale=1.0, pag_scale=2.0, seed=6),
    "skip": dict(common, pag_skip=["mid", "up_blocks.1.attentions.1"], guidance_scale=4.0, pag_scale=2.5, seed=7),
}


def skipped(forward):
    """A transformer block that leaves the last third of the batch, which is perturbed, as it is."""
    def run(hidden, *args, **more):
        whole, n = forward(hidden, *args, **more), 2 * len(hidden) // 3
        return torch.cat([whole[:n], hidden[n:]])
    return run


out = {}
for name, args in calls.items():
    args = dict(args)
    skip = args.pop("pag_skip", [])
    # What is skipped has no attention that it could matter to perturb.
    pipe = StableDiffusionPAGPipeline(**base.components, pag_applied_layers=args.pop("pag_applied_layers", ["mid"]),
                                      requires_safety_checker=False)
    blocks = [m for n, m in base.unet.named_modules() if n.endswith("transformer_blocks.0")
              and any(n.startswith(s.replace("mid", "mid_block")) for s in skip)]
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(args.pop("seed"))
    with torch.no_grad():
        for m in blocks:
            m.forward = skipped(m.forward)
        out[name + ".latents"] = pipe(generator=generator, output_type="latent", **args).images[0]
        for m in blocks:
            del m.forward
        plain = base(generator=torch.Generator().manual_seed(calls[name]["seed"]), output_type="latent",
                     **{k: v for k, v in args.items() if k != "pag_scale"}).images[0]
    print(name, len(blocks), float((plain - out[name + ".latents"]).abs().max()), float(plain.abs().max()))
save_file({k: v.contiguous() for k, v in out.items()}, "pag/golden.safetensors")
with open("pag/calls.json", "w") as f:
    json.dump(calls, f, indent=1)
    f.write("\n")

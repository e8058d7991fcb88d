"""Makes the flux_* folders: FluxTransformer2DModels with random weights, saved by diffusers, and what diffusers
computes from a fixed input, with the packing of its FluxPipeline. Usage: make_flux.py OUT. Made with diffusers 0.42.1
and torch 2.15.0."""
import os
import sys

import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from safetensors.torch import save_file

torch.set_num_threads(1)


def emit(name, latents, tokens, times, guidance, half=False, **config):
    gen = torch.Generator().manual_seed(1234)
    torch.manual_seed(99)
    model = FluxTransformer2DModel(patch_size=1, **config)
    with torch.no_grad():  # away from the initial values: no factor of a norm 1, no bias equal
        for _, p in sorted(model.named_parameters()):
            p.add_((0.1 if p.ndim <= 1 else 0.02) * torch.randn(*p.shape, generator=gen))
    model = (model.half() if half else model).eval()
    folder = os.path.join(sys.argv[1], name)
    model.save_pretrained(folder, safe_serialization=True, variant="fp16" if half else None)
    model = model.float()  # half: the weights are rounded, the arithmetic is not
    n, channels, height, width = len(times), *latents
    beside = config["in_channels"] // 4 - channels  # packed by themselves, after the latents (FluxControlPipeline)
    rand = lambda *shape: torch.randn(*shape, generator=gen)
    tensors = {"in.x": rand(n, channels, height, width), "in.t": torch.tensor(times),
               "in.ctx": rand(n, tokens, config["joint_attention_dim"]),
               "in.pooled": rand(n, config["pooled_projection_dim"])}
    if guidance:
        tensors["in.g"] = torch.tensor(guidance)
    if beside:
        tensors["in.beside"] = rand(n, beside, height, width)
    ids = FluxPipeline._prepare_latent_image_ids(n, height // 2, width // 2, "cpu", torch.float32)

    def run(m, dtype):
        t = {k: v.to(dtype) for k, v in tensors.items()}
        x = FluxPipeline._pack_latents(t["in.x"], n, channels, height, width)
        if beside:
            x = torch.cat([x, FluxPipeline._pack_latents(t["in.beside"], n, beside, height, width)], dim=2)
        with torch.no_grad():
            y = m(hidden_states=x, timestep=t["in.t"] / 1000, guidance=t.get("in.g"), txt_ids=torch.zeros(tokens, 3),
                  pooled_projections=t["in.pooled"], encoder_hidden_states=t["in.ctx"], img_ids=ids).sample
        return FluxPipeline._unpack_latents(y, 8 * height, 8 * width, 8)

    out = run(model, torch.float32)
    off = (out.double() - run(model.double(), torch.float64)).abs().max() / out.abs().max()
    print(name, sum(p.numel() for p in model.parameters()), "parameters; from float64:", float(off))
    tensors["out.sample"] = out
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


# The structure of FLUX.1 dev, and of FLUX.1 schnell, which has no guidance; heads of other axes and a single block
# less, and channels beside the latents, as FLUX.1 Depth and Fill have them.
emit("flux_dev", (4, 6, 10), 5, [700.0, 31.25], [3.5, 1.0], in_channels=16, num_layers=1, num_single_layers=2,
     attention_head_dim=16, num_attention_heads=2, joint_attention_dim=20, pooled_projection_dim=16,
     guidance_embeds=True, axes_dims_rope=(4, 6, 6))
emit("flux_schnell", (2, 4, 8), 3, [1000.0, 250.0], None, half=True, in_channels=8, num_layers=2, num_single_layers=1,
     attention_head_dim=12, num_attention_heads=3, joint_attention_dim=12, pooled_projection_dim=8,
     guidance_embeds=False, axes_dims_rope=(2, 4, 6))
emit("flux_beside", (2, 8, 4), 4, [500.0, 900.0], [30.0, 10.0], half=True, in_channels=20, out_channels=8, num_layers=1,
     num_single_layers=1, attention_head_dim=8, num_attention_heads=3, joint_attention_dim=12, pooled_projection_dim=8,
     guidance_embeds=True, axes_dims_rope=(2, 2, 4))

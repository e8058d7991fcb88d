"""Makes refiner/: the folder of a refiner of Stable Diffusion XL, a tiny network with random weights, and what diffusers
makes of images with it alone and after the base sdxl/. Usage, in this folder: make_refiner.py. Its tokenizer and
autoencoder are those of sdxl/. Made with diffusers 0.42.1, transformers 5.23.0 and torch 2.15.0 (CPU, float32)."""
import json
import os
import shutil

import torch
from diffusers import (AutoencoderKL, EulerDiscreteScheduler,
                       StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from diffusers.utils import logging
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

logging.set_verbosity_error()
torch.set_num_threads(1)
VOCAB, BOS, EOS = 587, 585, 586  # of sdxl/tokenizer_2
POOLED = 1280  # by which diffusers' config of the network is told from the base's
PROMPT = "A photo of a cat in the old castle"
PICTURE = torch.randint(0, 256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(5)) / 255


def shake(model, gen):
    """Takes the weights away from their initial values: none zero, no bias equal."""
    with torch.no_grad():
        for _, p in sorted(model.named_parameters()):
            p.add_((0.1 if p.ndim <= 1 or float(p.abs().max()) == 0 else 0.02) * torch.randn(*p.shape, generator=gen))
    return model.eval()


torch.manual_seed(96)
gen = torch.Generator().manual_seed(4321)
text = shake(CLIPTextModelWithProjection(CLIPTextConfig(
    vocab_size=VOCAB, hidden_size=8, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2,
    max_position_embeddings=77, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS, hidden_act="gelu",
    projection_dim=POOLED)), gen)
unet = shake(UNet2DConditionModel(
    sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=2, block_out_channels=(4, 8),
    cross_attention_dim=8, attention_head_dim=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), use_linear_projection=True, addition_embed_type="text_time",
    addition_time_embed_dim=8, projection_class_embeddings_input_dim=8 * 5 + POOLED), gen)
base = StableDiffusionXLPipeline.from_pretrained("sdxl")
refiner = StableDiffusionXLImg2ImgPipeline(
    text_encoder=None, tokenizer=None, text_encoder_2=text, tokenizer_2=CLIPTokenizer.from_pretrained("sdxl/tokenizer_2"),
    unet=unet, vae=AutoencoderKL.from_pretrained("sdxl/vae"), requires_aesthetics_score=True,
    force_zeros_for_empty_prompt=False,
    scheduler=EulerDiscreteScheduler.from_pretrained("sdxl/scheduler"))
refiner.save_pretrained("refiner")
shutil.rmtree("refiner/tokenizer_2")
shutil.copytree("sdxl/tokenizer_2", "refiner/tokenizer_2")

out, calls = {}, {}


def run(pipe, name, seed, **args):
    """The final latents of a call."""
    last = {}
    pipe.set_progress_bar_config(disable=True)
    keep = lambda _, i, t, kw: (last.update(kw), {})[1]
    with torch.no_grad():
        r = pipe(**args, generator=torch.Generator().manual_seed(seed), output_type="pt", callback_on_step_end=keep,
                 callback_on_step_end_tensor_inputs=["latents"])
    out[name + ".latents"] = last["latents"]
    return r.images


def image(name, seed, steps=5, **args):
    """Image-to-image by the refiner."""
    calls[name] = dict(prompt=PROMPT, num_inference_steps=steps, height=16, width=16, seed=seed, **args)
    out[name + ".image"] = run(refiner, name, seed, prompt=PROMPT, num_inference_steps=steps, image=PICTURE, **args)


def ensemble(name, seed, at, steps=6, height=16, width=16, **args):
    """The base up to a share of the noise, the refiner from there."""
    calls[name] = dict(prompt=PROMPT, num_inference_steps=steps, height=height, width=width, seed=seed, at=at, **args)
    run(base, name + ".base", seed, prompt=PROMPT, num_inference_steps=steps, denoising_end=at, height=height,
        width=width, **args)
    out[name + ".image"] = run(refiner, name, seed, prompt=PROMPT, num_inference_steps=steps, denoising_start=at,
                               image=out[name + ".base.latents"], **args)


out["input"] = PICTURE
image("plain", 42, strength=0.6, guidance_scale=5.0)
image("default", 43, guidance_scale=5.0, steps=10)  # strength 0.3
image("scores", 3, strength=0.8, guidance_scale=4.0, aesthetic_score=7.5, negative_aesthetic_score=1.5,
      negative_prompt="blurry", original_size=(768, 512), crops_coords_top_left=(10, 20))
image("unguided", 4, strength=0.5, guidance_scale=1.0)
ensemble("ensemble", 5, 0.8, guidance_scale=5.0)
ensemble("half", 6, 0.5, guidance_scale=3.0, negative_prompt="blurry", width=24)
ensemble("early", 7, 0.31, guidance_scale=5.0, steps=7)
save_file({k: v.contiguous() for k, v in out.items()}, "refiner/golden.safetensors")
with open("refiner/calls.json", "w") as f:
    json.dump(calls, f, indent=2)
    f.write("\n")
for d, _, files in os.walk("refiner"):
    for f in files:
        os.chmod(os.path.join(d, f), 0o644)
print({k: [round(float(x), 3) for x in (v.min(), v.max(), v.std())] for k, v in out.items()})

"""Makes the folders of text-to-image pipelines: tiny networks with random weights, a tiny tokenizer, and what diffusers
makes of a prompt with them. Usage: make_pipelines.py OUT. Made with diffusers 0.42.1, transformers 5.23.0 and torch
2.15.0."""
import json
import os
import sys
import tempfile

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler,
                       LatentConsistencyModelPipeline, LCMScheduler, PNDMScheduler, StableDiffusionImg2ImgPipeline,
                       StableDiffusionInpaintPipeline, StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline,
                       StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from diffusers.utils import logging
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

logging.set_verbosity_error()
torch.set_num_threads(1)

# A byte-level vocabulary as CLIP's: 256 bytes, the same at the end of a word, merges, and the two special tokens.
CORPUS = ("a photo of a cat a photo of a dog a painting of a castle in the style of the old masters red green blue "
          "a house by the sea blurry low quality watermark text two cats on a chair").split()
MERGES = 86


def byte_alphabet():
    """The printable stand-ins of all bytes in CLIP's order (openai/CLIP simple_tokenizer.py, bytes_to_unicode)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def learn_merges(words, n):
    """Byte-pair encoding (Sennrich et al., 2016): the most frequent pair first, ties by the pair itself."""
    split = [[*w[:-1], w[-1] + "</w>"] for w in words]
    merges = []
    while len(merges) < n:
        count = {}
        for w in split:
            for pair in zip(w, w[1:]):
                count[pair] = count.get(pair, 0) + 1
        if not count:
            break
        best = max(count, key=lambda p: (count[p], p))
        merges.append(best)
        for w in split:
            i = 0
            while i + 1 < len(w):
                if (w[i], w[i + 1]) == best:
                    w[i:i + 2] = ["".join(best)]
                i += 1
    return merges


merges = learn_merges(CORPUS, MERGES)
alphabet = byte_alphabet()
tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
vocab = {t: i for i, t in enumerate(tokens)}
VOCAB, BOS, EOS = len(vocab), len(vocab) - 2, len(vocab) - 1


def tokenizer(pad):
    return CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=77)


def save_tokenizer(folder, pad):
    """The files that the published models have, in place of the tokenizer.json of later libraries."""
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    with open(os.path.join(folder, "vocab.json"), "w") as f:
        json.dump(vocab, f)
    with open(os.path.join(folder, "merges.txt"), "w") as f:
        f.write("\n".join(["#version: 0.2", *(" ".join(m) for m in merges)]) + "\n")
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump(dict(bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token=pad,
                       model_max_length=77, do_lower_case=True, tokenizer_class="CLIPTokenizer"), f, indent=2)


def shake(model, gen):
    """Takes the weights away from their initial values: none zero, no bias equal."""
    with torch.no_grad():
        for _, p in sorted(model.named_parameters()):
            scale = 0.1 if p.ndim <= 1 or float(p.abs().max()) == 0 else 0.02
            p.add_(scale * torch.randn(*p.shape, generator=gen))
    return model.eval()


def clip(cls=CLIPTextModel, hidden=16, act="quick_gelu", eos=EOS, **more):
    return cls(CLIPTextConfig(vocab_size=VOCAB, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=3,
                              num_attention_heads=2, max_position_embeddings=77, bos_token_id=BOS, eos_token_id=eos,
                              pad_token_id=EOS, hidden_act=act, **more))


def unet(**more):
    return UNet2DConditionModel(**dict(
        dict(sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=2,
             block_out_channels=(4, 8), cross_attention_dim=16, attention_head_dim=2,
             down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
             up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")), **more))


def vae(scaling=0.18215):
    return AutoencoderKL(in_channels=3, out_channels=3, block_out_channels=(4, 8), layers_per_block=1,
                         norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 2,
                         up_block_types=("UpDecoderBlock2D",) * 2,
                         sample_size=16, latent_channels=4, scaling_factor=scaling)


def picture(x):
    return Image.fromarray((255 * x[0, 0]).round().to(torch.uint8).numpy())


def blurred(mask, sigma):
    """As VaeImageProcessor.blur of a Pillow image."""
    img = picture(mask).filter(ImageFilter.GaussianBlur(sigma))
    return torch.tensor(list(img.tobytes())).reshape(mask.shape) / 255


def make(name, build, runs, pads=("<|endoftext|>",)):
    """build() makes the pipeline's class and parts; runs are the calls by name, their results go to
    golden.safetensors."""
    torch.manual_seed(99)
    gen = torch.Generator().manual_seed(1234)
    cls, parts = build()
    for part in sorted(parts):
        if isinstance(parts[part], torch.nn.Module):
            shake(parts[part], gen)
    pipe = cls(**parts)
    pipe.set_progress_bar_config(disable=True)
    out, calls = {}, {}
    for run, args in runs.items():
        args, calls[run] = dict(args), dict(args)
        seed, parts = args.pop("seed"), dict(pipe.components)
        if "scheduler" in args:
            parts["scheduler"] = args.pop("scheduler")
            with tempfile.TemporaryDirectory() as d:  # the config as a folder would have it
                parts["scheduler"].save_pretrained(d)
                with open(os.path.join(d, "scheduler_config.json")) as f:
                    calls[run]["scheduler"] = f.read()
        kind = cls
        if "image" in args:
            xl = cls is StableDiffusionXLPipeline
            kind = StableDiffusionXLImg2ImgPipeline if xl else StableDiffusionImg2ImgPipeline
            out[run + ".input"] = args["image"].clone()
            del calls[run]["image"]
            if "mask_image" in args:
                kind = StableDiffusionXLInpaintPipeline if xl else StableDiffusionInpaintPipeline
                out[run + ".mask"] = args["mask_image"].clone()
                del calls[run]["mask_image"]
                if "mask_blur" in args:
                    args["mask_image"] = blurred(args["mask_image"], args.pop("mask_blur"))
            else:
                del args["height"], args["width"]
        p = kind(**parts, **({} if cls is StableDiffusionXLPipeline else dict(requires_safety_checker=False)))
        p.set_progress_bar_config(disable=True)
        # clip_skip reads text_model.final_layer_norm, which transformers 5 has no more under that name.
        object.__setattr__(p.text_encoder, "text_model", p.text_encoder)
        last = {}

        def keep(_, i, t, kw):
            last["latents"] = kw["latents"]
            last.setdefault("first", kw.get("denoised"))
            return {}

        keys = ["latents"] + (["denoised"] if cls is LatentConsistencyModelPipeline else [])
        with torch.no_grad():
            r = p(**args, generator=torch.Generator().manual_seed(seed), output_type="pt", callback_on_step_end=keep,
                  callback_on_step_end_tensor_inputs=keys)
        texts = [args["prompt"], args.get("negative_prompt", "")]
        for suffix, tok in (("", p.tokenizer), ("_2", getattr(p, "tokenizer_2", None))):
            if tok is not None:
                out[run + ".ids" + suffix] = tok(texts, padding="max_length", max_length=77, truncation=True,
                                                 return_tensors="pt").input_ids
        out[run + ".latents"], out[run + ".image"] = last["latents"], r.images
        if last["first"] is not None:
            out[run + ".first"] = last["first"].clone()
        with torch.no_grad():  # before the image is clipped
            out[run + ".decoded"] = p.vae.decode(last["latents"] / p.vae.config.scaling_factor).sample
    folder = os.path.join(sys.argv[1], name)
    pipe.save_pretrained(folder)
    for sub, pad in zip(("tokenizer", "tokenizer_2"), pads):
        save_tokenizer(os.path.join(folder, sub), pad)
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, "golden.safetensors"))
    with open(os.path.join(folder, "calls.json"), "w") as f:
        json.dump(calls, f, indent=2)
        f.write("\n")
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)
    print(name, size, {k: [round(float(x), 3) for x in (v.min(), v.max(), v.std())] for k, v in out.items()
                       if v.is_floating_point()})


BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
PICTURE = torch.randint(0, 256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(5)) / 255
# White where to draw, levels about the half below.
MASK = torch.randint(124, 132, (1, 1, 16, 16), generator=torch.Generator().manual_seed(6)) / 255
MASK[..., :13, :] = 0
MASK[..., 3:10, 4:13] = 1
PROMPT = "A photo of a cat in the old castle"


def sd15():
    return StableDiffusionPipeline, dict(
        text_encoder=clip(), tokenizer=tokenizer("<|endoftext|>"), unet=unet(), vae=vae(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
        scheduler=DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1))


def call(seed, prompt=PROMPT, steps=4, scale=7.5, **more):
    return dict(dict(prompt=prompt, num_inference_steps=steps, guidance_scale=scale, height=16, width=16, seed=seed),
                **more)


make("sd15", sd15, {
    "plain": call(42),
    "negative": call(3, negative_prompt="blurry, low quality", scale=5.0, height=24),
    "unguided": call(7, scale=1.0),
    "clip_skip": call(8, clip_skip=1, scale=1.0),  # diffusers would not skip in the negative prompt
    # The first published configs, which the pipeline corrects; five evaluations.
    "pndm": call(9, scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True)),
    "ddim_old": call(10, scheduler=DDIMScheduler(**BETAS)),
    "dpmpp": call(11, scheduler=DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True)),
    "image": call(13, image=PICTURE, strength=0.5),
    "image_euler": call(14, image=PICTURE, strength=0.8, scheduler=EulerDiscreteScheduler(**BETAS, steps_offset=1)),
    "euler": call(12, scheduler=EulerDiscreteScheduler(**BETAS)),
    "mask": call(16, image=PICTURE, mask_image=MASK),
    "mask_blur": call(17, image=PICTURE, mask_image=MASK, mask_blur=1.5, strength=0.5),
    "mask_pndm": call(18, image=PICTURE, mask_image=MASK, scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True)),
    "mask_dpmpp": call(19, image=PICTURE, mask_image=MASK, scheduler=DPMSolverMultistepScheduler(**BETAS)),
    "mask_euler": call(20, image=PICTURE, mask_image=MASK, strength=0.8, scale=1.0,
                       scheduler=EulerDiscreteScheduler(**BETAS, steps_offset=1)),
})


def inpaint():
    return StableDiffusionInpaintPipeline, dict(
        text_encoder=clip(), tokenizer=tokenizer("<|endoftext|>"), unet=unet(in_channels=9), vae=vae(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        scheduler=DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1))


make("inpaint", inpaint, {
    "plain": call(42, image=PICTURE, mask_image=MASK),
    "negative": call(3, image=PICTURE, mask_image=MASK, strength=0.5, negative_prompt="blurry, low quality"),
    "blur": call(4, image=PICTURE, mask_image=MASK, mask_blur=1.5, scale=1.0),
    "euler": call(5, image=PICTURE, mask_image=MASK, strength=0.8,
                  scheduler=EulerDiscreteScheduler(**BETAS, steps_offset=1)),
})


def sd21():
    return StableDiffusionPipeline, dict(
        text_encoder=clip(act="gelu"), tokenizer=tokenizer("!"), unet=unet(use_linear_projection=True), vae=vae(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        scheduler=DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1,
                                prediction_type="v_prediction", rescale_betas_zero_snr=True,
                                timestep_spacing="trailing"))


make("sd21", sd21, {
    "plain": call(42),
    "rescale": call(5, guidance_rescale=0.7, negative_prompt="watermark"),
}, pads=("!",))


def sdxl():
    return StableDiffusionXLPipeline, dict(
        text_encoder=clip(hidden=8),
        text_encoder_2=clip(CLIPTextModelWithProjection, hidden=8, act="gelu", projection_dim=12),
        tokenizer=tokenizer("<|endoftext|>"), tokenizer_2=tokenizer("!"), vae=vae(0.13025),
        unet=unet(down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                  up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), use_linear_projection=True,
                  transformer_layers_per_block=(1, 2), addition_embed_type="text_time",
                  addition_time_embed_dim=8, projection_class_embeddings_input_dim=8 * 6 + 12),
        scheduler=EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing="leading"))


make("sdxl", sdxl, {
    "plain": call(42, scale=5.0),
    "negative": call(4, scale=6.0, negative_prompt="text, watermark", width=32),
    "sizes": call(6, scale=5.0, original_size=(768, 512), crops_coords_top_left=(10, 20), target_size=(1024, 960)),
    "image": call(15, image=PICTURE, strength=0.6, scale=5.0),
    "mask": call(16, image=PICTURE, mask_image=MASK, strength=1.0, scale=5.0),
    "clip_skip": call(7, scale=5.0, clip_skip=1),
}, pads=("<|endoftext|>", "!"))


def lcm():
    return LatentConsistencyModelPipeline, dict(
        text_encoder=clip(), tokenizer=tokenizer("<|endoftext|>"), unet=unet(time_cond_proj_dim=17), vae=vae(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False, scheduler=LCMScheduler(**BETAS))


# From the second step on the noise goes on where the initial noise ended: only the first is compared then.
make("lcm", lcm, {"one": call(42, steps=1, scale=8.5), "four": call(2, scale=3.0)})

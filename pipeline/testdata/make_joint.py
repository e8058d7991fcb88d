"""Makes sd3/, flux/, pixart_alpha/, pixart_sigma/: folders of Stable Diffusion 3, FLUX.1 and PixArt pipelines, tiny
networks with random weights, and what diffusers makes of a prompt with them; sd35/, schnell/: the same for transformers
as Stable Diffusion 3.5 medium and FLUX.1 schnell have them, with the other parts of sd3/ and flux/.
Usage, in this folder: make_joint.py [NAME]. The tokenizers of CLIP are those of sdxl/.
Made with diffusers 0.42.1, transformers 5.23.0, tokenizers 0.23 and torch 2.15.0 (CPU, float32)."""
import json
import os
import shutil
import sys
import tempfile

import torch
from diffusers import (AutoencoderKL, DPMSolverMultistepScheduler, EulerDiscreteScheduler,
                       FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, FluxImg2ImgPipeline,
                       FluxInpaintPipeline, FluxPipeline, FluxTransformer2DModel, PixArtAlphaPipeline,
                       PixArtSigmaPipeline, PixArtTransformer2DModel, SD3Transformer2DModel,
                       StableDiffusion3Img2ImgPipeline, StableDiffusion3InpaintPipeline, StableDiffusion3Pipeline)
from diffusers.utils import logging
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import (CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer,
                          PreTrainedTokenizerFast, T5Config, T5EncoderModel)

logging.set_verbosity_error()
torch.set_num_threads(1)
VOCAB, BOS, EOS = 587, 585, 586  # of sdxl/tokenizer
PROMPT = "A photo of a cat in the old castle"
WORDS = "a photo of cat dog the painting castle in old style blurry low quality sea house".split()

# The pipelines from noise, from an image, and from an image with a mask.
KINDS = {"sd3": (StableDiffusion3Pipeline, StableDiffusion3Img2ImgPipeline, StableDiffusion3InpaintPipeline),
         "flux": (FluxPipeline, FluxImg2ImgPipeline, FluxInpaintPipeline)}


def picture(height, width, seed=77):
    """An image of whole levels within 0..1, smooth as photos are, and a mask that cuts through tokens of 4x4 pixels."""
    x = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    x = torch.nn.functional.interpolate(x, size=(height, width), mode="bilinear")
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, 5:, 3:11] = 1
    return (x * 255).round() / 255, mask


def shake(model, gen):
    """Takes the weights away from their initial values: none zero, no bias equal."""
    with torch.no_grad():
        for _, p in sorted(model.named_parameters()):
            p.add_((0.1 if p.ndim <= 1 or float(p.abs().max()) == 0 else 0.02) * torch.randn(*p.shape, generator=gen))
    return model.eval()


def clip(cls, act, hidden=8, **more):
    return cls(CLIPTextConfig(vocab_size=VOCAB, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=3,
                              num_attention_heads=2, max_position_embeddings=77, bos_token_id=BOS, eos_token_id=EOS,
                              pad_token_id=EOS, hidden_act=act, **more))


def clip_tokenizer(pad):
    return CLIPTokenizer.from_pretrained("sdxl/tokenizer" + ("_2" if pad == "!" else ""))


def unigram():
    """A vocabulary of T5's kind: the special tokens, letters and a few words."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.5)]
    pieces += [(c, -4 - i / 8) for i, c in enumerate("abcdefghijklmnopqrstuvwxyzAB,.")]
    pieces += [("▁" + w, -3 - i / 16) for i, w in enumerate(WORDS)]
    t = Tokenizer(Unigram(pieces, unk_id=2, byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.Strip(left=False, right=True),
                                         normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return len(pieces), PreTrainedTokenizerFast(tokenizer_object=t, pad_token="<pad>", eos_token="</s>",
                                                unk_token="<unk>", model_max_length=512)


PIECES, T5_TOKENS = unigram()


def t5(dim):
    return T5EncoderModel(T5Config(vocab_size=PIECES, d_model=dim, d_kv=4, d_ff=2 * dim, num_layers=2, num_heads=2,
                                   feed_forward_proj="gated-gelu", dropout_rate=0.0, is_encoder_decoder=False,
                                   use_cache=False))


def vae(scaling, shift, latents=16):
    return AutoencoderKL(block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=4, latent_channels=latents,
                         down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
                         sample_size=16, scaling_factor=scaling, shift_factor=shift, use_quant_conv=False,
                         use_post_quant_conv=False)


@torch.no_grad()
def weigh(p, pieces):
    """What the pipeline takes of pieces of text, (text, weight), with ComfyUI's weights (comfy/sd1_clip.py,
    ClipTokenWeightEncoder): z = empty + weight * (z - empty). The pooled vector has no weights."""
    def lead(encode, tokens, weights):
        z, empty = encode(tokens(pieces)), encode(tokens([]))
        w = torch.ones(1, z[0].shape[1], 1)
        w[0, weights:weights + sum(len(x) for x in ids), 0] = torch.tensor([v for x, (_, v) in zip(ids, pieces) for _ in x])
        return empty[0] + w * (z[0] - empty[0]), z[1]

    sd3, hidden, pooled = hasattr(p, "text_encoder_3"), [], []
    for tokenizer, encoder in [(p.tokenizer, p.text_encoder)] + ([(p.tokenizer_2, p.text_encoder_2)] if sd3 else []):
        ids = [tokenizer(x, add_special_tokens=False).input_ids for x, _ in pieces]

        def encode(x):
            y = encoder(torch.tensor([x]), output_hidden_states=True)
            return y.hidden_states[-2], y[0] if sd3 else y.pooler_output

        def tokens(of):
            x = [BOS, *(sum(ids, []) if of else []), EOS]
            return x + [tokenizer.pad_token_id] * (77 - len(x))
        z, v = lead(encode, tokens, 1)
        hidden.append(z)
        pooled.append(v)
    tokenizer, encoder = (p.tokenizer_3, p.text_encoder_3) if sd3 else (p.tokenizer_2, p.text_encoder_2)
    ids = [tokenizer(x, add_special_tokens=False).input_ids for x, _ in pieces]

    def words(of):
        x = [*(sum(ids, []) if of else []), 1]
        return x + [0] * ((256 if sd3 else 512) - len(x))
    z, _ = lead(lambda x: (encoder(torch.tensor([x]))[0], None), words, 0)
    if sd3:
        z = torch.cat([torch.nn.functional.pad(torch.cat(hidden, -1), (0, 4)), z], 1)
    return dict(prompt_embeds=z, pooled_prompt_embeds=torch.cat(pooled, -1))


def write_folder(name, cls, parts):
    cls(**parts).save_pretrained(name)
    for part in parts:  # the files that the published models have
        if part.startswith("tokenizer") and isinstance(parts[part], CLIPTokenizer):
            shutil.rmtree(os.path.join(name, part))
            shutil.copytree("sdxl/tokenizer" + ("_2" if part == "tokenizer_2" else ""), os.path.join(name, part))


def make(name, kinds, parts, runs, only=None):
    """runs are the calls by name; their results go to golden.safetensors. only is the one part of the folder where the
    others are another's, and have their weights already."""
    shaken = torch.Generator().manual_seed(1234)
    for part in [only] if only else sorted(parts):
        if isinstance(parts[part], torch.nn.Module):
            shake(parts[part], shaken)
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    if only:
        parts[only].save_pretrained(os.path.join(name, only))
        parts["scheduler"].save_pretrained(os.path.join(name, "scheduler"))
    else:
        write_folder(name, kinds[0], parts)
    out, calls = {}, {}
    for run, args in runs.items():
        args, calls[run] = dict(args), {k: v for k, v in args.items() if k != "pieces"}
        seed, used, cls = args.pop("seed"), dict(parts), kinds[0]
        if args.pop("no_t5", False):
            used["text_encoder_3"] = used["tokenizer_3"] = None
        if "scheduler" in args:
            used["scheduler"] = args.pop("scheduler")
            with tempfile.TemporaryDirectory() as d:  # the config as a folder would have it
                used["scheduler"].save_pretrained(d)
                with open(os.path.join(d, "scheduler_config.json")) as f:
                    calls[run]["scheduler"] = f.read()
        if "strength" in args:
            cls, (args["image"], mask) = kinds[1], picture(args["height"], args["width"])
            out[run + ".input"] = args["image"]
            if args.pop("mask", False):
                cls, args["mask_image"] = kinds[2], mask
                out[run + ".mask"] = mask
        p, last = cls(**used), {}
        if "pieces" in args:  # the prompt is what is read of it
            args.update(weigh(p, args.pop("pieces")), prompt=None)
        p.set_progress_bar_config(disable=True)
        c = p.vae.config
        old = p.vae.decode
        if cls is StableDiffusion3InpaintPipeline:  # which forgets the shift (diffusers 0.42): not to be repeated
            p.vae.decode = lambda z, **kw: (last.update(z=z + c.shift_factor), old(z + c.shift_factor, return_dict=False))[1]
        else:
            p.vae.decode = lambda z, **kw: (last.update(z=z), old(z, **kw))[1]
        hook = p.vae.decoder.register_forward_hook(lambda _, __, y: last.update(y=y.detach()))
        if name.startswith("pixart"):  # the text and the size as they are
            args.update(clean_caption=False, use_resolution_binning=False)
        with torch.no_grad():
            r = p(**args, generator=torch.Generator().manual_seed(seed), output_type="pt")
        hook.remove()
        p.vae.decode = old
        out[run + ".latents"] = (last["z"] - (c.shift_factor or 0)) * c.scaling_factor
        out[run + ".decoded"] = last["y"]
        if run in ("plain", "image", "mask"):
            out[run + ".image"] = r.images
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(name, "golden.safetensors"))
    with open(os.path.join(name, "calls.json"), "w") as f:
        json.dump(calls, f, indent=2)
        f.write("\n")
    for d, _, files in os.walk(name):
        for f in files:
            os.chmod(os.path.join(d, f), 0o644)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(name) for f in fs)
    print(name, size, {k: [round(float(x), 3) for x in (v.min(), v.max(), v.std())] for k, v in out.items()})


def call(seed, prompt=PROMPT, steps=4, scale=7.0, **more):
    return dict(dict(prompt=prompt, num_inference_steps=steps, guidance_scale=scale, height=16, width=16, seed=seed),
                **more)


WEIGHTED = dict(prompt="a photo of (a cat:1.4) in the [old] castle",
                pieces=[("a photo of ", 1), ("a cat", 1.4), (" in the ", 1), ("old", 1 / 1.1), (" castle", 1)])


def image_calls(scale, **more):
    """Calls with an image, and some with a mask; more is of one of them."""
    return {
        "image": call(20, strength=0.6, steps=5, scale=scale),  # 5 - 5*0.6 is 2 exactly
        "image_little": call(21, strength=0.05, steps=4, scale=1.0, **more),  # one step
        "image_odd": call(22, strength=0.7, steps=4, scale=scale, height=24),  # 3 steps, where other pipelines run 2
        "image_all": call(23, strength=1.0, steps=2, scale=scale),
        "mask": call(24, strength=1.0, steps=4, scale=scale, mask=True),
        "mask_some": call(25, strength=0.55, steps=6, scale=scale, mask=True, width=24),
    }


def sd3_net(**more):
    return SD3Transformer2DModel(sample_size=8, num_layers=2, attention_head_dim=8, num_attention_heads=2,
                                 joint_attention_dim=20, caption_projection_dim=16, pos_embed_max_size=16,
                                 pooled_projection_dim=20, in_channels=16, out_channels=16, **more)


def sd3():
    torch.manual_seed(99)
    parts = dict(
        text_encoder=clip(CLIPTextModelWithProjection, "quick_gelu", projection_dim=8),
        text_encoder_2=clip(CLIPTextModelWithProjection, "gelu", projection_dim=12), text_encoder_3=t5(20),
        tokenizer=clip_tokenizer("<|endoftext|>"), tokenizer_2=clip_tokenizer("!"), tokenizer_3=T5_TOKENS,
        transformer=sd3_net(), vae=vae(1.5305, 0.0609), scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0))
    make("sd3", KINDS["sd3"], parts, {
        "plain": call(42),
        "negative": call(3, negative_prompt="blurry, low quality", scale=5.0, height=24),
        "unguided": call(7, scale=1.0, steps=3),
        "no_t5": call(8, no_t5=True, negative_prompt="a dog"),
        "no_t5_unguided": call(9, no_t5=True, scale=1.0, width=24),
        "clip_skip": call(10, clip_skip=1, scale=1.0),  # diffusers would not skip in the negative prompt
        "dynamic": call(11, scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, max_shift=1.3)),
        "long": call(12, prompt=" ".join([PROMPT] * 12), scale=2.0, steps=2),
        **image_calls(5.0, scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, max_shift=1.3)),
        "weighted": call(27, scale=1.0, steps=2, **WEIGHTED),
        "image_heun": call(26, strength=0.5, steps=4, scale=1.0, scheduler=FlowMatchHeunDiscreteScheduler(shift=3.0)),
    })
    torch.manual_seed(97)
    parts["transformer"] = sd3_net(qk_norm="rms_norm", dual_attention_layers=(0,))
    make("sd35", KINDS["sd3"], parts, {"plain": call(42), "image": call(20, strength=0.6, steps=5, scale=4.5),
                                       "mask": call(24, strength=0.9, steps=4, scale=4.5, mask=True)}, "transformer")


def flux_net(guidance):
    return FluxTransformer2DModel(in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=8,
                                  num_attention_heads=2, joint_attention_dim=20, pooled_projection_dim=8,
                                  guidance_embeds=guidance, axes_dims_rope=(2, 2, 4))


def flux():
    torch.manual_seed(98)
    dev = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15,
                                          base_image_seq_len=256, max_image_seq_len=4096)
    parts = dict(
        text_encoder=clip(CLIPTextModel, "quick_gelu"), text_encoder_2=t5(20), tokenizer=clip_tokenizer("<|endoftext|>"),
        tokenizer_2=T5_TOKENS, transformer=flux_net(True), vae=vae(0.3611, 0.1159), scheduler=dev)
    make("flux", KINDS["flux"], parts, {
        "plain": call(42, scale=3.5),
        "tall": call(3, scale=1.5, height=24, steps=3),
        "one": call(4, scale=1.0, steps=1),
        # As FLUX.1 schnell's.
        "static": call(5, steps=3, scale=3.5, scheduler=FlowMatchEulerDiscreteScheduler()),
        "long": call(6, prompt=" ".join([PROMPT] * 30), scale=2.0, steps=2),
        "true": call(28, scale=2.0, negative_prompt="blurry, low quality", true_cfg_scale=2.5),
        "true_image": call(29, scale=2.0, negative_prompt="a dog", true_cfg_scale=1.5, strength=0.5),
        "weighted": call(30, scale=2.0, steps=2, **WEIGHTED),
        **image_calls(3.5),
    })
    torch.manual_seed(96)
    parts.update(transformer=flux_net(False), scheduler=FlowMatchEulerDiscreteScheduler())
    make("schnell", KINDS["flux"], parts, {"plain": call(42, scale=1.0), "image": call(20, strength=0.6, steps=5, scale=1.0),
                                           "mask": call(24, strength=0.9, steps=4, scale=1.0, mask=True)}, "transformer")


def pixart(name, cls, dim, **net):
    torch.manual_seed(97)
    betas = dict(beta_start=0.0001, beta_end=0.02, beta_schedule="linear")
    parts = dict(
        text_encoder=t5(20), tokenizer=T5_TOKENS, vae=vae(0.18215, None, 4),
        transformer=PixArtTransformer2DModel(num_layers=2, attention_head_dim=dim // 2, num_attention_heads=2,
                                             cross_attention_dim=dim, caption_channels=20, out_channels=8, **net),
        scheduler=DPMSolverMultistepScheduler(**betas))
    make(name, (cls,), parts, {
        "plain": call(42, scale=4.5),
        "negative": call(3, prompt="  A CAT on a chair. ", negative_prompt="Blurry, low quality", scale=3.0, height=24),
        "unguided": call(7, scale=1.0, steps=3, width=24),
        "euler": call(8, scale=2.0, scheduler=EulerDiscreteScheduler(**betas)),
        "long": call(12, prompt=" ".join([PROMPT] * 30), negative_prompt=" ".join([PROMPT] * 29), scale=2.0, steps=2),
    })


sd3()
flux()
pixart("pixart_alpha", PixArtAlphaPipeline, 24, sample_size=128)  # with the size of the image as a condition
pixart("pixart_sigma", PixArtSigmaPipeline, 16, sample_size=8)

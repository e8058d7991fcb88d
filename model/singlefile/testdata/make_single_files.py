"""Writes the tiny pipelines of pipeline/testdata as single files in the original layout, and checks that diffusers' own
converters give the folders' tensors back. Usage: make_single_files.py PIPELINES OUT. Made with diffusers 0.42.1,
transformers 5.23.0 and torch 2.15.0. The names are the inverse of single_file_utils.py, written from the original
networks (CompVis/stable-diffusion ldm/modules/diffusionmodules/{openaimodel,model}.py, mlfoundations/open_clip
transformer.py)."""
import json
import os
import re
import sys

import torch
from diffusers.loaders.single_file_utils import (convert_ldm_clip_checkpoint, convert_ldm_unet_checkpoint,
                                                 convert_ldm_vae_checkpoint, convert_open_clip_checkpoint)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

UNET, VAE = "model.diffusion_model.", "first_stage_model."
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
OUTER = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
         "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
         "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}


def unet_name(name, config):
    layer, kind = name.rsplit(".", 1)
    if layer in OUTER:
        return f"{OUTER[layer]}.{kind}"
    n = config["layers_per_block"] + 1
    m = re.fullmatch(r"(?:(down|up)_blocks\.(\d+)|mid_block)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)",
                     layer)
    where, level, what, j, rest = m[1], int(m[2] or 0), m[3], int(m[4]), m[5]
    if what == "resnets":
        rest = RESNET[rest]
    if where is None:
        return f"middle_block.{2 * j if what == 'resnets' else 1}.{rest}.{kind}"
    if what == "downsamplers":
        return f"input_blocks.{1 + level * n + n - 1}.0.op.{kind}"
    if what == "upsamplers":  # after the transformer, if there is one
        at = 2 if config["up_block_types"][level] == "CrossAttnUpBlock2D" else 1
        return f"output_blocks.{level * n + n - 1}.{at}.conv.{kind}"
    block = f"input_blocks.{1 + level * n + j}" if where == "down" else f"output_blocks.{level * n + j}"
    return f"{block}.{0 if what == 'resnets' else 1}.{rest}.{kind}"


def vae_name(name, config):
    n = len(config["block_out_channels"])
    name = re.sub(r"up_blocks\.(\d+)", lambda m: f"up.{n - 1 - int(m[1])}", name)
    name = re.sub(r"down_blocks\.(\d+)", r"down.\1", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    for a, b in ((".resnets.", ".block."), ("downsamplers.0.", "downsample."), ("upsamplers.0.", "upsample."),
                 ("mid_block.attentions.0.", "mid.attn_1."), ("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"),
                 ("to_v", "v"), ("to_out.0", "proj_out"), ("conv_shortcut", "nin_shortcut"),
                 ("conv_norm_out", "norm_out")):
        name = name.replace(a, b)
    return name


def open_clip(tensors, layers):
    """The tensors of a text encoder as OpenCLIP has them, without its prefix."""
    out, done = {}, set()
    fixed = {"text_model.embeddings.position_embedding.weight": "positional_embedding",
             "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
             "text_model.final_layer_norm.weight": "ln_final.weight",
             "text_model.final_layer_norm.bias": "ln_final.bias"}
    for a, b in fixed.items():
        out[b] = tensors[a]
        done.add(a)
    if "text_projection.weight" in tensors:
        out["text_projection"] = tensors["text_projection.weight"].T.contiguous()
        done.add("text_projection.weight")
    for i in range(layers):
        a, b = f"text_model.encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for kind in ("weight", "bias"):
            qkv = [f"{a}self_attn.{x}_proj.{kind}" for x in "qkv"]
            out[f"{b}attn.in_proj_{kind}"] = torch.cat([tensors[k] for k in qkv])
            done.update(qkv)
            for x, y in (("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
                         ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")):
                out[f"{b}{y}.{kind}"] = tensors[f"{a}{x}.{kind}"]
                done.add(f"{a}{x}.{kind}")
    assert done == set(tensors), set(tensors) ^ done
    return out


def same(what, want, got):
    want = {k.removeprefix("text_model."): v for k, v in want.items()}
    got = {k.removeprefix("text_model."): v for k, v in got.items() if v is not None}
    assert want.keys() == got.keys(), (what, sorted(want.keys() ^ got.keys()))
    for k in want:
        assert want[k].shape == got[k].shape and torch.equal(want[k], got[k]), (what, k)


def encoder(folder, part):
    """The tensors under their names with text_model., the configuration, and the class."""
    with open(os.path.join(folder, part, "config.json")) as f:
        config = json.load(f)
    t = load_file(os.path.join(folder, part, "model.safetensors"))
    t = {k if k.startswith(("text_model.", "text_projection.")) else "text_model." + k: v for k, v in t.items()}
    cls = CLIPTextModelWithProjection if config["architectures"] == ["CLIPTextModelWithProjection"] else CLIPTextModel
    return t, config, cls(CLIPTextConfig(**{k: v for k, v in config.items() if k != "architectures"}))


def make(folder, name, out):
    ckpt = {}
    configs = {}
    for part in ("unet", "vae"):
        with open(os.path.join(folder, part, "config.json")) as f:
            configs[part] = json.load(f)
    unet = load_file(os.path.join(folder, "unet/diffusion_pytorch_model.safetensors"))
    vae = load_file(os.path.join(folder, "vae/diffusion_pytorch_model.safetensors"))
    for k, v in unet.items():
        ckpt[UNET + unet_name(k, configs["unet"])] = v
    for k, v in vae.items():
        if ".attentions." in k and k.endswith("weight") and v.ndim == 2:
            v = v[:, :, None, None]
        ckpt[VAE + vae_name(k, configs["vae"])] = v
    gen = torch.Generator().manual_seed(7)
    text, config, model = encoder(folder, "text_encoder")
    if name == "sd21":  # with the last block that diffusers leaves out
        prefix = "cond_stage_model.model."
        n = config["num_hidden_layers"]
        parts = open_clip(text, n)
        more = {k.replace(f".{n - 1}.", f".{n}."): torch.randn(v.shape, generator=gen) for k, v in parts.items()
                if f"resblocks.{n - 1}." in k}
        back = convert_open_clip_checkpoint(model, {prefix + k: v for k, v in parts.items()}, prefix)
        same("text_encoder", text, back)
        ckpt |= {prefix + k: v for k, v in (parts | more).items()}
        ckpt[prefix + "text_projection"] = torch.randn(config["hidden_size"], config["hidden_size"], generator=gen)
        ckpt[prefix + "logit_scale"] = torch.tensor(4.6)
    else:
        prefix = "conditioner.embedders.0.transformer." if name == "sdxl" else "cond_stage_model.transformer."
        ckpt |= {prefix + k: v for k, v in text.items()}
        same("text_encoder", text, convert_ldm_clip_checkpoint(ckpt))
        ckpt[prefix + "text_model.embeddings.position_ids"] = torch.arange(77)[None]
    if name == "sdxl":
        prefix = "conditioner.embedders.1.model."
        text, config, model = encoder(folder, "text_encoder_2")
        parts = open_clip(text, config["num_hidden_layers"])
        assert text["text_projection.weight"].shape[0] != text["text_projection.weight"].shape[1]
        ckpt |= {prefix + k: v for k, v in parts.items()}
        # The converter takes the length of the projection for the width, which it is in the published model.
        square = {prefix + k: v for k, v in parts.items() if k != "text_projection"}
        back = convert_open_clip_checkpoint(model, square, prefix)
        back["text_projection.weight"] = ckpt[prefix + "text_projection"].T.contiguous()
        same("text_encoder_2", text, back)
        ckpt[prefix + "logit_scale"] = torch.tensor(4.6)
    same("unet", unet, convert_ldm_unet_checkpoint(dict(ckpt), configs["unet"]))
    same("vae", vae, convert_ldm_vae_checkpoint(dict(ckpt), configs["vae"]))
    # What files hold besides: the schedule, averages of training.
    ckpt["alphas_cumprod"] = torch.linspace(0.99, 0.01, 10)
    ckpt["model_ema.decay"] = torch.tensor(0.9999)
    save_file({k: v.contiguous() for k, v in ckpt.items()}, os.path.join(out, name + ".safetensors"))
    print(name, len(ckpt))


for name in ("sd15", "sd21", "sdxl"):
    make(os.path.join(sys.argv[1], name), name, sys.argv[2])

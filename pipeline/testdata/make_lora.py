"""Makes small random LoRA files for the folders sd15 and sdxl, in the keys of kohya, of peft and of older diffusers, and
what diffusers with peft gives with them. Two things diffusers loses: alphas of attention layers and of text encoders that
are not the most frequent one, and the attention of the second text encoder (with transformers 5). There merge() has the
formula of kohya's networks/lora.py in its place. Usage: make_lora.py FOLDER, the folder that has sd15/ and sdxl/. Made with
diffusers 0.42.1, peft 0.21.2, transformers 5.23.0 and torch 2.15.0 (CPU, float32)."""
import json
import os
import sys

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

torch.set_num_threads(1)
ROOT = sys.argv[1]
OUT = os.path.join(ROOT, "lora")
gen = torch.Generator().manual_seed(77)


def rand(*shape, scale=1.0):
    return (scale * torch.randn(*shape, generator=gen)).contiguous()


def pair(module, rank):
    """The down and up weights of a layer, large enough to be seen in the output."""
    shape = list(module.weight.shape)
    down = rand(rank, *shape[1:], scale=0.3)
    up = rand(shape[0], rank, *([1, 1] if len(shape) == 4 else []), scale=0.3)
    return down, up


def kohya(names):
    """names: kohya's name to (module, rank, alpha); without an alpha where it is None."""
    out = {}
    for name, (module, rank, alpha) in names.items():
        out[name + ".lora_down.weight"], out[name + ".lora_up.weight"] = pair(module, rank)
        if alpha is not None:
            out[name + ".alpha"] = torch.tensor(float(alpha))
    return out


def flat(prefix, model, layers):
    """Diffusers' names as kohya writes them."""
    return {prefix + n.replace(".", "_"): (model.get_submodule(n), r, a) for n, r, a in layers}


def text(prefix, model, layers):
    return {prefix + "text_model_" + n.replace(".", "_"): (model.get_submodule(n), r, a) for n, r, a in layers}


@torch.no_grad()
def merge(tensors, names, strength):
    """W += strength * alpha / rank * up @ down, with the matrices of a file in kohya's keys."""
    for name, (module, rank, alpha) in names.items():
        down, up = tensors[name + ".lora_down.weight"], tensors[name + ".lora_up.weight"]
        delta = up.flatten(1) @ down.flatten(1)
        module.weight += strength * (1 if alpha is None else alpha / rank) * delta.reshape(module.weight.shape)


def save(name, tensors, metadata=None):
    save_file(tensors, os.path.join(OUT, name + ".safetensors"), metadata=metadata)


def ids(pipe):
    return pipe.tokenizer(["a red house"], padding="max_length", max_length=77, return_tensors="pt").input_ids


ATTN = "transformer_blocks.0"
UNET = [("conv_in", 2, 1), ("time_embedding.linear_1", 4, 4), ("down_blocks.0.resnets.0.conv1", 3, 2),
        ("down_blocks.0.resnets.0.time_emb_proj", 2, 1), ("down_blocks.0.attentions.0.proj_in", 2, 3),
        (f"down_blocks.0.attentions.0.{ATTN}.attn1.to_q", 4, 1), (f"down_blocks.0.attentions.0.{ATTN}.attn2.to_k", 2, 1),
        (f"down_blocks.0.attentions.0.{ATTN}.attn2.to_out.0", 3, 1), ("down_blocks.0.downsamplers.0.conv", 2, 2),
        ("down_blocks.1.resnets.0.conv_shortcut", 2, 1), (f"mid_block.attentions.0.{ATTN}.ff.net.0.proj", 4, 1),
        (f"mid_block.attentions.0.{ATTN}.ff.net.2", 4, 1), ("mid_block.attentions.0.proj_out", 2, 1),
        ("up_blocks.0.upsamplers.0.conv", 2, 1), ("up_blocks.1.resnets.1.conv2", 2, 1),
        (f"up_blocks.1.attentions.1.{ATTN}.attn1.to_v", 1, 1), ("conv_out", 2, 1)]
TEXT = [("encoder.layers.0.self_attn.q_proj", 2, 1), ("encoder.layers.0.self_attn.out_proj", 4, 1),
        ("encoder.layers.1.mlp.fc1", 4, 1), ("encoder.layers.2.mlp.fc2", 2, 1)]


def sd15(out):
    def fresh():
        return StableDiffusionPipeline.from_pretrained(os.path.join(ROOT, "sd15"), safety_checker=None,
                                                       requires_safety_checker=False)

    pipe = fresh()
    u, t = pipe.unet, pipe.text_encoder
    save("kohya", kohya({**flat("lora_unet_", u, UNET), **text("lora_te_", t, TEXT)}))
    peft = {}
    for n in (f"down_blocks.0.attentions.0.{ATTN}.attn1.to_q", f"mid_block.attentions.0.{ATTN}.attn2.to_out.0",
              "up_blocks.0.resnets.0.conv1", "mid_block.attentions.0.proj_in"):
        peft[f"unet.{n}.lora_A.weight"], peft[f"unet.{n}.lora_B.weight"] = pair(u.get_submodule(n), 4)
    n = "encoder.layers.1.self_attn.v_proj"
    peft[f"text_encoder.text_model.{n}.lora_A.weight"], peft[f"text_encoder.text_model.{n}.lora_B.weight"] = pair(
        t.get_submodule(n), 4)
    save("peft", peft)
    config = dict(peft_type="LORA", r=4, target_modules=["to_q", "to_out.0", "conv1", "proj_in"])
    meta = {f"unet.{k}": v for k, v in dict(config, lora_alpha=2, alpha_pattern={
        f"mid_block.attentions.0.{ATTN}.attn2.to_out.0": 6}).items()}
    unet_only = {k: v for k, v in peft.items() if k.startswith("unet.")}
    save("metadata", unet_only, {"lora_adapter_metadata": json.dumps(meta), "format": "pt"})
    old = {}
    for n, m in (("attn1.processor.to_q", "attn1.to_q"), ("attn2.processor.to_out", "attn2.to_out.0")):
        b = f"unet.up_blocks.1.attentions.0.{ATTN}."
        module = u.get_submodule(b[5:] + m)
        old[b + n + "_lora.down.weight"], old[b + n + "_lora.up.weight"] = pair(module, 2)
    b = "text_encoder.text_model.encoder.layers.0."
    for n, m in (("self_attn.to_k_lora", "self_attn.k_proj"), ("self_attn.to_out_lora", "self_attn.out_proj"),
                 ("mlp.fc1.lora_linear_layer", "mlp.fc1")):
        old[b + n + ".down.weight"], old[b + n + ".up.weight"] = pair(t.get_submodule(b[24:] + m), 2)
    save("processor", old)

    x, ctx, tok = rand(1, 4, 8, 8), rand(1, 5, 16), ids(pipe)
    out.update({"sd15.sample": x, "sd15.context": ctx, "sd15.ids": tok})
    # Every alpha another, and a layer without one.
    pipe = fresh()
    layers = [("up_blocks.1.resnets.0.conv1", 2, 5), (f"up_blocks.1.attentions.0.{ATTN}.attn1.to_q", 2, 0.5),
              (f"up_blocks.1.attentions.0.{ATTN}.attn2.to_v", 3, 2), (f"up_blocks.1.attentions.0.{ATTN}.attn2.to_k", 4, None)]
    names = {**flat("lora_unet_", pipe.unet, layers), **text("lora_te_", pipe.text_encoder, [
        ("encoder.layers.0.self_attn.q_proj", 2, 3), ("encoder.layers.1.mlp.fc1", 4, 2)])}
    alphas = kohya(names)
    save("alphas", alphas)
    merge(alphas, names, 1.25)
    with torch.no_grad():
        out["sd15.alphas.unet"] = pipe.unet(x, 321, ctx).sample
        out["sd15.alphas.text"] = pipe.text_encoder(tok).last_hidden_state
    for run, use in {"none": {}, "kohya": {"kohya": 0.8}, "peft": {"peft": 1.0}, "metadata": {"metadata": 1.0},
                     "processor": {"processor": 1.5}, "both": {"kohya": 0.5, "peft": -0.7}}.items():
        pipe = fresh()
        load(pipe, use)
        with torch.no_grad():
            out[f"sd15.{run}.unet"] = pipe.unet(x, 321, ctx).sample
            out[f"sd15.{run}.text"] = pipe.text_encoder(tok).last_hidden_state


def load(pipe, use):
    for name in use:
        pipe.load_lora_weights(OUT, weight_name=name + ".safetensors", adapter_name=name)
    if use:
        pipe.set_adapters(list(use), list(use.values()))


# The names of the original network for the layers of sdxl: two levels, one resnet a level on the way down.
SGM = {"input_blocks_0_0": "conv_in", "input_blocks_1_0_in_layers_2": "down_blocks.0.resnets.0.conv1",
       "input_blocks_2_0_op": "down_blocks.0.downsamplers.0.conv",
       "input_blocks_3_0_emb_layers_1": "down_blocks.1.resnets.0.time_emb_proj",
       "input_blocks_3_0_skip_connection": "down_blocks.1.resnets.0.conv_shortcut",
       "input_blocks_3_1_proj_in": "down_blocks.1.attentions.0.proj_in",
       "input_blocks_3_1_transformer_blocks_1_attn2_to_k": "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k",
       "middle_block_0_out_layers_3": "mid_block.resnets.0.conv2",
       "middle_block_1_transformer_blocks_0_attn1_to_out_0": "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
       "middle_block_2_in_layers_2": "mid_block.resnets.1.conv1",
       "output_blocks_0_0_skip_connection": "up_blocks.0.resnets.0.conv_shortcut",
       "output_blocks_1_1_transformer_blocks_0_ff_net_2": "up_blocks.0.attentions.1.transformer_blocks.0.ff.net.2",
       "output_blocks_1_2_conv": "up_blocks.0.upsamplers.0.conv",
       "output_blocks_3_0_in_layers_2": "up_blocks.1.resnets.1.conv1",
       "time_embed_0": "time_embedding.linear_1", "time_embed_2": "time_embedding.linear_2",
       "label_emb_0_0": "add_embedding.linear_1", "label_emb_0_2": "add_embedding.linear_2", "out_2": "conv_out"}


def second_text(model):
    return {"lora_te2_" + n.replace(".", "_"): (model.get_submodule(n), 2, 1)
            for n in ("text_model.encoder.layers.1.self_attn.k_proj", "text_model.encoder.layers.0.mlp.fc1")}


def sdxl(out):
    pipe = StableDiffusionXLPipeline.from_pretrained(os.path.join(ROOT, "sdxl"))
    names = {"lora_unet_" + k: (pipe.unet.get_submodule(v), 2, 1) for k, v in SGM.items()}
    names.update(text("lora_te1_", pipe.text_encoder, TEXT))
    second = second_text(pipe.text_encoder_2)
    tensors = kohya({**names, **second})
    save("sgm", tensors)
    x, ctx, tok = rand(1, 4, 8, 8), rand(1, 5, 16), ids(pipe)
    pooled, sizes = rand(1, 12), torch.tensor([[64.0, 32, 0, 8, 16, 16]])
    out.update({"sdxl.sample": x, "sdxl.context": ctx, "sdxl.ids": tok, "sdxl.pooled": pooled, "sdxl.sizes": sizes})
    for run, use in {"none": {}, "sgm": {"sgm": 0.9}}.items():
        load(pipe, use)
        if use:
            pipe.text_encoder_2 = StableDiffusionXLPipeline.from_pretrained(os.path.join(ROOT, "sdxl")).text_encoder_2
            merge(tensors, second_text(pipe.text_encoder_2), use["sgm"])
        with torch.no_grad():
            out[f"sdxl.{run}.unet"] = pipe.unet(x, 321, ctx, added_cond_kwargs=dict(text_embeds=pooled, time_ids=sizes)).sample
            out[f"sdxl.{run}.text"] = pipe.text_encoder(tok, output_hidden_states=True).hidden_states[-2]
            out[f"sdxl.{run}.text_2"] = pipe.text_encoder_2(tok, output_hidden_states=True).hidden_states[-2]


golden = {}
sd15(golden)
sdxl(golden)
save("golden", {k: v.contiguous() for k, v in golden.items()})
for k, v in golden.items():
    base = k.split(".")[0] + ".none." + k.split(".")[-1]
    if v.is_floating_point() and base in golden:
        print(k, round(float(v.std()), 4), "changed by", round(float((v - golden[base]).abs().max()), 4))

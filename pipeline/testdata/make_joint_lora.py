"""Makes joint_lora/: small random LoRA files for the folders sd3 and flux, in the keys of peft and of kohya, and the final
latents of diffusers' pipelines with them. Usage, in this folder: make_joint_lora.py, after make_joint.py. Where diffusers
cannot (T5, text encoders of transformers 5, convolutions, the first layer of FLUX.1's single blocks in another width than
the published one, layers of kohya outside the blocks, which it gives no part or no alpha), merge() adds the formula of
the paper to the weights in its place. Made with diffusers 0.42.1, peft 0.21.2, transformers 5.23.0 and torch 2.15.0 (CPU, float32)."""
import json
import os

import torch
from diffusers import FluxPipeline, StableDiffusion3Pipeline
from diffusers.utils import logging
from safetensors.torch import save_file

logging.set_verbosity_error()
torch.set_num_threads(1)
OUT, PROMPT = "joint_lora", "A photo of a cat in the old castle"
gen = torch.Generator().manual_seed(88)
os.makedirs(OUT, exist_ok=True)


def pair(out, n, rank):
    """Down and up matrices, large enough to be seen in the output."""
    return [(0.4 * torch.randn(*shape, generator=gen)).contiguous() for shape in ((rank, n), (out, rank))]


def rows(pipe, layers):
    """The weights that a layer of a file changes, and its shape; layers are 'part.name'."""
    weights = []
    for part, layer in (x.split(".", 1) for x in layers):
        if type(pipe.components[part]).__name__ == "CLIPTextModel":  # transformers 5 leaves out a level
            layer = layer.removeprefix("text_model.")
        weights.append(pipe.components[part].get_submodule(layer).weight)
    return weights, sum(w.shape[0] for w in weights), weights[0].flatten(1).shape[1]


@torch.no_grad()
def merge(weights, down, up, scale, swap=False):
    """W += scale * up @ down, for weights whose rows follow one another."""
    delta = scale * up @ down
    if swap:
        delta = torch.cat(delta.chunk(2)[::-1])
    for w, d in zip(weights, delta.split([w.shape[0] for w in weights])):
        w += d.reshape(w.shape)


def draw(pipe):
    pipe.set_progress_bar_config(disable=True)
    last, old = {}, pipe.vae.decode
    pipe.vae.decode = lambda z, **kw: (last.update(z=z), old(z, **kw))[1]
    with torch.no_grad():
        pipe(prompt=PROMPT, num_inference_steps=2, guidance_scale=3.0, height=16, width=16, output_type="pt",
             generator=torch.Generator().manual_seed(42))
    c = pipe.vae.config
    return ((last["z"] - c.shift_factor) * c.scaling_factor).contiguous()


def make(name, cls, folder, layers, strength, golden, metadata=None):
    """layers: the key of a layer to ('part.name' of one or several of the model, rank, alpha or None, by): by is what
    makes the reference, "diffusers" or "formula", or "swap" where the halves are in the other order."""
    pipe, file, loaded = cls.from_pretrained(folder), {}, {}
    kohya = any(k.startswith(("lora_unet", "diffusion_model")) for k in layers)
    for key, (targets, rank, alpha, by) in layers.items():
        weights, out, n = rows(pipe, targets)
        down, up = pair(out, n, rank)
        ends = (".lora_down.weight", ".lora_up.weight") if kohya else (".lora_A.weight", ".lora_B.weight")
        own = {key + ends[0]: down, key + ends[1]: up}
        if alpha is not None:
            own[key + ".alpha"] = torch.tensor(float(alpha))
        file.update(own)
        if weights[0].ndim == 4:  # of a convolution
            file.update({key + ends[0]: down.reshape(rank, *weights[0].shape[1:]), key + ends[1]: up[:, :, None, None].contiguous()})
        if by == "diffusers":
            loaded.update(own)
        else:
            merge(weights, down, up, strength * (1 if alpha is None else alpha / rank), by == "swap")
    save_file(file, os.path.join(OUT, name + ".safetensors"), metadata=metadata)
    os.chmod(os.path.join(OUT, name + ".safetensors"), 0o644)
    with tempfile_of(loaded, metadata) as path:
        pipe.load_lora_weights(path, adapter_name="a")
    pipe.set_adapters(["a"], [strength])
    golden[name] = draw(pipe)


class tempfile_of:
    """The tensors that diffusers reads, as a file."""

    def __init__(self, tensors, metadata):
        self.tensors, self.metadata = tensors, metadata

    def __enter__(self):
        self.path = os.path.join(OUT, "loaded.safetensors")
        save_file(self.tensors, self.path, metadata=self.metadata)
        return self.path

    def __exit__(self, *_):
        os.remove(self.path)


def peft(layers):
    return {x: ([x], rank, None, by) for x, rank, by in layers}


golden = {}
CLIP = "text_model.encoder.layers."
B, S = "transformer.transformer_blocks.0.", "transformer.single_transformer_blocks.0."
for name, cls, folder in (("sd3", StableDiffusion3Pipeline, "sd3"), ("flux", FluxPipeline, "flux")):
    golden[name] = draw(cls.from_pretrained(folder))
D, F = "diffusers", "formula"
ATTN = [(B + "attn.to_q", 3, D), (B + "attn.to_out.0", 3, D), (B + "attn.add_k_proj", 3, D), (B + "ff_context.net.2", 3, D),
        (B + "norm1.linear", 3, D)]
T5 = ".encoder.block.1.layer."
# The alpha is in the metadata, as diffusers writes it. Of the text encoders it is the rank.
META = {"lora_adapter_metadata": json.dumps({"transformer." + k: v for k, v in dict(
    peft_type="LORA", r=3, lora_alpha=6, target_modules=[x[0].removeprefix(B) for x in ATTN]).items()})}
make("sd3_peft", StableDiffusion3Pipeline, "sd3", peft([
    *ATTN, ("transformer.transformer_blocks.1.attn.to_v", 3, D), ("transformer.context_embedder", 3, D),
    ("transformer.proj_out", 3, D), ("transformer.pos_embed.proj", 3, F), ("text_encoder." + CLIP + "0.self_attn.v_proj", 3, F),
    ("text_encoder." + CLIP + "1.mlp.fc1", 3, F), ("text_encoder_2." + CLIP + "0.self_attn.q_proj", 3, F),
    ("text_encoder_2." + CLIP + "1.mlp.fc2", 3, F), ("text_encoder_3" + T5 + "0.SelfAttention.q", 3, F),
    ("text_encoder_3" + T5 + "1.DenseReluDense.wo", 3, F)]), 0.8, golden)
make("flux_peft", FluxPipeline, "flux", peft([*ATTN, (S + "attn.to_k", 3, D), (S + "proj_mlp", 3, D), (S + "proj_out", 3, D)]),
     1.0, golden, META)
K, T = "lora_unet_double_blocks_0_", "transformer."
make("flux_kohya", FluxPipeline, "flux", {
    K + "img_attn_qkv": ([B + "attn.to_q", B + "attn.to_k", B + "attn.to_v"], 2, 1, D),
    K + "img_attn_proj": ([B + "attn.to_out.0"], 2, 3, D), K + "img_mlp_0": ([B + "ff.net.0.proj"], 2, None, D),
    K + "img_mlp_2": ([B + "ff.net.2"], 2, 1, D), K + "img_mod_lin": ([B + "norm1.linear"], 2, 1, D),
    K + "txt_attn_qkv": ([B + "attn.add_q_proj", B + "attn.add_k_proj", B + "attn.add_v_proj"], 3, 3, D),
    K + "txt_attn_proj": ([B + "attn.to_add_out"], 2, 1, D), K + "txt_mlp_0": ([B + "ff_context.net.0.proj"], 1, 1, D),
    K + "txt_mlp_2": ([B + "ff_context.net.2"], 2, 1, D), K + "txt_mod_lin": ([B + "norm1_context.linear"], 2, 1, D),
    "lora_unet_single_blocks_0_linear1": ([S + "attn.to_q", S + "attn.to_k", S + "attn.to_v", S + "proj_mlp"], 2, 3, F),
    "lora_unet_single_blocks_0_linear2": ([S + "proj_out"], 2, 1, D),
    "lora_unet_single_blocks_0_modulation_lin": ([S + "norm.linear"], 2, 1, D),
    "lora_unet_img_in": ([T + "x_embedder"], 2, 1, F), "lora_unet_txt_in": ([T + "context_embedder"], 2, 1, F),
    "lora_unet_time_in_in_layer": ([T + "time_text_embed.timestep_embedder.linear_1"], 2, 1, F),
    "lora_unet_time_in_out_layer": ([T + "time_text_embed.timestep_embedder.linear_2"], 2, 1, F),
    "lora_unet_vector_in_in_layer": ([T + "time_text_embed.text_embedder.linear_1"], 2, 1, F),
    "lora_unet_vector_in_out_layer": ([T + "time_text_embed.text_embedder.linear_2"], 2, 1, F),
    "lora_unet_guidance_in_in_layer": ([T + "time_text_embed.guidance_embedder.linear_1"], 2, 1, F),
    "lora_unet_guidance_in_out_layer": ([T + "time_text_embed.guidance_embedder.linear_2"], 2, 1, F),
    "lora_unet_final_layer_linear": ([T + "proj_out"], 2, 1, F),
    "lora_unet_final_layer_adaLN_modulation_1": ([T + "norm_out.linear"], 2, 1, "swap"),
    "lora_te1_text_model_encoder_layers_0_self_attn_q_proj": (["text_encoder." + CLIP + "0.self_attn.q_proj"], 2, 1, F),
    "lora_te1_text_model_encoder_layers_1_mlp_fc1": (["text_encoder." + CLIP + "1.mlp.fc1"], 2, 1, F),
    "lora_te3_encoder_block_1_layer_0_SelfAttention_v": (["text_encoder_2" + T5 + "0.SelfAttention.v"], 2, 1, F),
}, 0.7, golden)
save_file(golden, os.path.join(OUT, "golden.safetensors"))
os.chmod(os.path.join(OUT, "golden.safetensors"), 0o644)
for k, v in golden.items():
    print(k, round(float(v.std()), 4), "changed by", round(float((v - golden[k.split("_")[0]]).abs().max()), 4))

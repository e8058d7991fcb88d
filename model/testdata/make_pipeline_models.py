"""Makes the folders of text encoders, autoencoders, and the U-Nets of SDXL and in-painting: networks with random
weights, saved by transformers and diffusers, and what these compute from a fixed input. Usage: make_pipeline_models.py
OUT. Made with diffusers 0.42.1, transformers 5.23.0 and torch 2.15.0."""
import os
import sys

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

torch.set_num_threads(1)
gen = None


def rn(*shape):
    return torch.randn(*shape, generator=gen)


def emit(name, build, inputs, call):
    """inputs() makes the tensors in.*, call(model, inputs) the tensors out.*."""
    global gen
    gen = torch.Generator().manual_seed(1234)
    torch.manual_seed(99)
    model = build()
    with torch.no_grad():  # away from the initial values: no weight zero, no bias equal
        for _, p in sorted(model.named_parameters()):
            if p.ndim <= 1:
                p.add_(0.1 * rn(*p.shape))
            elif float(p.abs().max()) == 0:
                p.copy_(0.1 * rn(*p.shape))
            else:
                p.add_(0.02 * rn(*p.shape))
    model = model.eval()
    folder = os.path.join(sys.argv[1], name)
    model.save_pretrained(folder)
    i = inputs()
    with torch.no_grad():
        out = call(model, i)
    tensors = {"in." + k: v for k, v in i.items()} | {"out." + k: v for k, v in out.items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "golden.safetensors"))


# Text encoders: a start token, six of a text, and end tokens to the length of 77.
CLIP = dict(vocab_size=600, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
            max_position_embeddings=77, bos_token_id=598, eos_token_id=599, pad_token_id=599)


def ids():
    return dict(ids=torch.cat([torch.full((2, 1), 598), torch.randint(0, 590, (2, 6), generator=gen),
                               torch.full((2, 70), 599)], 1))


def text(pooled, name="pooled", penultimate=True):
    def call(m, i):
        r = m(i["ids"], output_hidden_states=True)
        out = {"last": r.last_hidden_state, name: getattr(r, pooled)}
        return out | ({"hs_m2": r.hidden_states[-2]} if penultimate else {})
    return call


emit("clip_text", lambda: CLIPTextModel(CLIPTextConfig(**CLIP, hidden_act="quick_gelu")), ids, text("pooler_output"))
emit("clip_text_gelu_eos2",
     lambda: CLIPTextModel(CLIPTextConfig(**dict(CLIP, eos_token_id=2, pad_token_id=1), hidden_act="gelu")), ids,
     text("pooler_output", penultimate=False))
emit("clip_text_proj",
     lambda: CLIPTextModelWithProjection(CLIPTextConfig(**dict(CLIP, pad_token_id=1), hidden_act="gelu",
                                                        projection_dim=24)), ids, text("text_embeds", "embeds"))

# Autoencoders: of Stable Diffusion and of FLUX (16 channels, no convolutions about the latents), and the tiny one.
VAE = dict(in_channels=3, out_channels=3, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8,
           down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, sample_size=16)


def vae(m, i):
    z = m.encode(i["x"]).latent_dist
    return dict(mean=z.mean, logvar=z.logvar, dec=m.decode(i["z"]).sample)


emit("vae_kl", lambda: AutoencoderKL(**VAE, latent_channels=4, scaling_factor=0.18215),
     lambda: dict(x=rn(2, 3, 16, 16), z=rn(2, 4, 8, 8)), vae)
emit("vae_flux16",
     lambda: AutoencoderKL(**VAE, latent_channels=16, use_quant_conv=False, use_post_quant_conv=False,
                           scaling_factor=0.3611, shift_factor=0.1159),
     lambda: dict(x=rn(1, 3, 16, 16), z=rn(1, 16, 8, 8)), vae)
emit("vae_tiny",
     lambda: AutoencoderTiny(encoder_block_out_channels=(16, 16), decoder_block_out_channels=(16, 16),
                             num_encoder_blocks=(1, 2), num_decoder_blocks=(2, 1)),
     lambda: dict(x=rn(2, 3, 16, 16), z=rn(2, 4, 8, 8)),
     lambda m, i: dict(lat=m.encode(i["x"]).latents, dec=m.decode(i["z"]).sample))

# U-Nets: SDXL's takes a pooled text and six sizes, that for in-painting a mask and the masked image.
UNET = dict(sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=8,
            block_out_channels=(16, 32), cross_attention_dim=24)
emit("unet_sdxl",
     lambda: UNet2DConditionModel(**UNET, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                                  up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 4),
                                  use_linear_projection=True, transformer_layers_per_block=(1, 2),
                                  addition_embed_type="text_time", addition_time_embed_dim=8,
                                  projection_class_embeddings_input_dim=8 * 6 + 16),
     lambda: dict(x=rn(2, 4, 8, 8), t=torch.tensor([10, 801]), ctx=rn(2, 7, 24), text_embeds=rn(2, 16),
                  time_ids=torch.tensor([[1024, 1024, 0, 0, 1024, 1024], [512, 768, 10, 20, 1024, 1024.]])),
     lambda m, i: dict(sample=m(i["x"], i["t"], i["ctx"], added_cond_kwargs=dict(
         text_embeds=i["text_embeds"], time_ids=i["time_ids"])).sample))
emit("unet_inpaint",
     lambda: UNet2DConditionModel(**dict(UNET, in_channels=9), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                                  up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=4),
     lambda: dict(x=rn(1, 9, 8, 8), t=torch.tensor([10]), ctx=rn(1, 7, 24)),
     lambda m, i: dict(sample=m(i["x"], i["t"], i["ctx"]).sample))

"""Makes the t5_text* folders: T5EncoderModels of version 1.1 with random weights, saved by transformers, and what
transformers computes from fixed tokens; and t5_buckets.json, the buckets of transformers for distances key - query.
t5_text_wide has float16 weights, heads that are wider together than a token, other buckets and longer texts.
Usage: make_t5.py OUT. Made with transformers 5.23.0 and torch 2.15.0."""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import T5Config, T5EncoderModel
from transformers.models.t5.modeling_t5 import T5Attention

torch.set_num_threads(1)


def emit(name, tokens, lengths, half=False, **config):
    gen = torch.Generator().manual_seed(1234)
    torch.manual_seed(99)
    model = T5EncoderModel(T5Config(feed_forward_proj="gated-gelu", dropout_rate=0.0, **config))
    with torch.no_grad():  # away from the initial values: no weight of a norm is 1
        for _, p in sorted(model.named_parameters()):
            p.add_((0.1 if p.ndim <= 1 else 0.02) * torch.randn(*p.shape, generator=gen))
    model = (model.half() if half else model).eval()
    folder = os.path.join(sys.argv[1], name)
    model.save_pretrained(folder, variant="fp16" if half else None)
    model = model.float()  # half: the weights are rounded, the arithmetic is not
    ids = torch.randint(0, config["vocab_size"], (len(lengths), tokens), generator=gen)
    mask = (torch.arange(tokens)[None] < torch.tensor(lengths)[:, None]).long()
    with torch.no_grad():
        masked = model(ids, attention_mask=mask).last_hidden_state
        whole = model(ids).last_hidden_state
        exact = model.double()(ids).last_hidden_state
    print(name, sum(p.numel() for p in model.parameters()), float(whole.abs().max()), float((whole - exact).abs().max()))
    save_file({"in.ids": ids, "in.mask": mask, "out.last": masked, "out.nomask": whole},
              os.path.join(folder, "golden.safetensors"))


emit("t5_text", 20, [20, 14], vocab_size=400, d_model=32, d_kv=8, d_ff=64, num_layers=3, num_heads=4)
emit("t5_text_wide", 70, [1, 33], half=True, vocab_size=100, d_model=24, d_kv=12, d_ff=40, num_layers=2, num_heads=3,
     relative_attention_num_buckets=12, relative_attention_max_distance=40, layer_norm_epsilon=1e-3)

buckets = []
for n, far in [(32, 128), (32, 100), (12, 40), (4, 2), (64, 1000), (40, 11)]:
    d = torch.arange(-600, 601)
    b = T5Attention._relative_position_bucket(d, bidirectional=True, num_buckets=n, max_distance=far)
    buckets.append({"buckets": n, "distance": far, "from": -600, "want": b.tolist()})
with open(os.path.join(sys.argv[1], "t5_buckets.json"), "w") as f:
    json.dump(buckets, f)

"""torch's side of docs/bench: the same network in diffusers, the same lines as ours/main.go.

usage: torch_peer.py FOLDER [eager | channels_last | compile | bf16]
"""

import array
import json
import pathlib
import sys
import time
import warnings

import diffusers
import torch

TOKENS = 77


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_grad_enabled(False)
    folder, mode = pathlib.Path(sys.argv[1]), (sys.argv[2:] or ["eager"])[0]
    config = json.loads((folder / "config.json").read_text())
    variant = "fp16" if (folder / "diffusion_pytorch_model.fp16.safetensors").exists() else None
    net = getattr(diffusers, config["_class_name"]).from_pretrained(folder, variant=variant, torch_dtype=torch.float32).eval()
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    dtype = torch.bfloat16 if mode == "bf16" else torch.float32
    net = net.to(dtype=dtype, memory_format=layout)
    call = torch.compile(net) if mode == "compile" else net
    size, channels = net.config.sample_size, net.config.in_channels
    text = getattr(net.config, "cross_attention_dim", None)
    print("ready", f"torch {torch.__version__}, diffusers {diffusers.__version__}", flush=True)
    for line in sys.stdin:
        threads, n, source, target = line.split()
        n = int(n)
        if torch.get_num_threads() != int(threads):
            torch.set_num_threads(int(threads))
        floats = array.array("f")
        with open(source, "rb") as f:
            floats.frombytes(f.read())
        values = torch.tensor(floats).to(dtype)
        cut = n * channels * size * size
        x = values[:cut].reshape(n, channels, size, size).contiguous(memory_format=layout)
        args = {"timestep": torch.full((n,), 500.0)}
        if text:
            args["encoder_hidden_states"] = values[cut:].reshape(n, TOKENS, text)
        elif net.config.get("num_class_embeds"):
            args["class_labels"] = torch.zeros(n, dtype=torch.long)
        start = time.perf_counter()
        y = call(x, **args).sample
        seconds = time.perf_counter() - start
        if target != "-":
            with open(target, "wb") as f:
                f.write(array.array("f", y.float().flatten().tolist()).tobytes())
        print(seconds, flush=True)


if __name__ == "__main__":
    main()

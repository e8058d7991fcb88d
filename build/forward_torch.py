#!/usr/bin/env python3
"""Times forward passes of diffusers' U-Nets on a GPU, eager and compiled, for build/acceptance.sh.

Prints a JSON object a line: network, rows, type, mode, the median in milliseconds of a pass, and the device. The
networks have random weights: times do not depend on them. Needs torch with CUDA and diffusers; says what is missing and
ends with status 4 otherwise.
"""
import json
import pathlib
import statistics
import sys

try:
    import torch
    from diffusers import UNet2DConditionModel, UNet2DModel
except ImportError as e:
    print(f"forward_torch: {e}: install torch and diffusers to compare with them", file=sys.stderr)
    sys.exit(4)

CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "model" / "lower" / "testdata"
WARM, RUNS = 5, 20


def milliseconds(call):
    for _ in range(WARM):
        call()
    times = []
    for _ in range(RUNS):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def inputs(config, rows, dtype):
    size, like = config["sample_size"], {"device": "cuda", "dtype": dtype}
    x = torch.randn(rows, config["in_channels"], size, size, **like).to(memory_format=torch.channels_last)
    args = {"sample": x, "timestep": torch.full((rows,), 500.0, device="cuda")}
    if config["_class_name"] == "UNet2DConditionModel":
        args["encoder_hidden_states"] = torch.randn(rows, 77, config["cross_attention_dim"], **like)
    elif config.get("num_class_embeds"):
        args["class_labels"] = torch.zeros(rows, dtype=torch.long, device="cuda")
    return args


def main():
    if not torch.cuda.is_available():
        print("forward_torch: torch finds no GPU", file=sys.stderr)
        return 4
    torch.set_grad_enabled(False)
    configs = {"fashion": CONFIGS.parent.parent / "bundled" / "fashion" / "unet" / "config.json"}
    configs |= {name: CONFIGS / f"{name}.json" for name in ("ddpm_cifar10", "sd15")}
    for name, file in configs.items():
        config = json.loads(file.read_text())
        cls = {"UNet2DModel": UNet2DModel, "UNet2DConditionModel": UNet2DConditionModel}[config["_class_name"]]
        for dtype in (torch.float16, torch.bfloat16):
            net = cls.from_config(config).to("cuda", dtype).to(memory_format=torch.channels_last).eval()
            compiled = torch.compile(net, mode="max-autotune")
            for rows in (2, 16):
                args = inputs(config, rows, dtype)
                for mode, f in (("eager", net), ("compiled", compiled)):
                    try:
                        ms = milliseconds(lambda: f(**args, return_dict=False))
                    except Exception as e:  # a compiler that is missing must not hide the other numbers
                        print(f"forward_torch: {name} {mode}: {e}", file=sys.stderr)
                        continue
                    print(json.dumps({"network": name, "rows": rows, "type": str(dtype).removeprefix("torch."),
                                      "mode": mode, "ms": ms, "device": torch.cuda.get_device_name(),
                                      "torch": torch.__version__}), flush=True)
    return 0


sys.exit(main())

#!/usr/bin/env python3
"""Times diffusers on a GPU for build/acceptance.sh: steps of its schedulers with guidance, and forward passes of its
U-Nets, eager, replayed as one CUDA graph, and compiled.

Prints a JSON object a line: what, how, the median time, and the device. The networks have random weights: times do not
depend on them. Needs torch with CUDA and diffusers; says what is missing and ends with status 4 otherwise.

usage: forward_torch.py [steps] [eager] [graph] [compiled]    all, if none is named; the slow ones come last
"""
import json
import pathlib
import statistics
import sys
import time

try:
    import torch
    from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                           UNet2DConditionModel, UNet2DModel)
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


def graph(call):
    """One replay in place of the calls, the way our own steps run."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    g = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g):
        call()
    return g.replay


def say(**row):
    print(json.dumps(row | {"device": torch.cuda.get_device_name(), "torch": torch.__version__}), flush=True)


def steps():
    """A step is what lies between two evaluations: guidance, scheduler.step and the next input, over a run."""
    schedulers = {"ddim": DDIMScheduler(clip_sample=False), "dpmpp_2m": DPMSolverMultistepScheduler(),
                  "dpmpp_2m_sde": DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"),
                  "euler_ancestral": EulerAncestralDiscreteScheduler()}
    for shape in ((1, 4, 64, 64), (16, 4, 128, 128)):
        for name, s in schedulers.items():
            x, out = torch.randn(shape, device="cuda"), torch.randn(2, *shape, device="cuda")
            times = []
            for _ in range(4):
                s.set_timesteps(50, device="cuda")
                torch.cuda.synchronize()
                start = time.perf_counter()
                y = x
                for t in s.timesteps:
                    uncond, cond = out.unbind()
                    s.scale_model_input(y, t)
                    y = s.step(uncond + 7.5 * (cond - uncond), t, y).prev_sample
                torch.cuda.synchronize()
                times.append((time.perf_counter() - start) / 50 * 1e6)
            say(step=name, elements=x.numel(), us=statistics.median(times))


def main():
    if not torch.cuda.is_available():
        print("forward_torch: torch finds no GPU", file=sys.stderr)
        return 4
    wanted = sys.argv[1:] or ["steps", "eager", "graph", "compiled"]
    torch.set_grad_enabled(False)
    if "steps" in wanted:
        steps()
    configs = {"fashion": CONFIGS.parent.parent / "bundled" / "fashion" / "unet" / "config.json"}
    configs |= {name: CONFIGS / f"{name}.json" for name in ("ddpm_cifar10", "sd15")}
    for mode in ("eager", "graph", "compiled"):
        if mode not in wanted:
            continue
        for name, file in configs.items():
            config = json.loads(file.read_text())
            cls = {"UNet2DModel": UNet2DModel, "UNet2DConditionModel": UNet2DConditionModel}[config["_class_name"]]
            for dtype in (torch.float16, torch.bfloat16):
                if mode == "compiled" and dtype != torch.float16:
                    continue  # the times are those of float16
                with torch.device("cuda"):
                    net = cls.from_config(config).to(dtype).to(memory_format=torch.channels_last).eval()
                for rows in (2, 16):
                    args = inputs(config, rows, dtype)
                    f = net
                    try:
                        if mode == "compiled":
                            f = torch.compile(net, mode="reduce-overhead")
                        call = lambda: f(**args, return_dict=False)  # noqa: B023, E731
                        ms = milliseconds(graph(call) if mode == "graph" else call)
                    except Exception as e:  # a mode that fails must not hide the other numbers
                        print(f"forward_torch: {name} {mode}: {e}", file=sys.stderr)
                        continue
                    say(network=name, rows=rows, type=str(dtype).removeprefix("torch."), mode=mode, ms=ms)
    return 0


sys.exit(main())

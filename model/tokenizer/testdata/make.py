#!/usr/bin/env python3
"""Writes what the tests compare with:

clip/        the part of CLIP's real vocabulary that the strings below can reach, as vocab.json and merges.txt
clip.json    the strings, with the tokens that transformers gives them
configs.json folders as models have them (special tokens, padding, added tokens, tokenizer.json), with strings, tokens
             and padded texts
bytes.json   bytes, most of them not UTF-8, with the tokens of what Python's decoder makes of them
texts.json   tokens with the text that transformers decodes them to
unicode.json checksums of the tokens of every character between two letters, by blocks of 4096 characters

usage: make.py VOCABULARY   (bpe_simple_vocab_16e6.txt.gz of OpenAI's CLIP, MIT licence; the wheel of open_clip_torch has it)

Needs transformers; made with 5.23 and tokenizers 0.23. A merge is kept if what it makes occurs in a string, so that
every merge that could be applied, or be preferred to another, is there in its order; tokens keep their real numbers.
The strings' tokens are those of the whole vocabulary, and it is checked that the part gives the same ones.
"""
import gzip
import hashlib
import json
import pathlib
import random
import sys
import tempfile
import unicodedata

from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent
START, END = "<|startoftext|>", "<|endoftext|>"


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
    hard += [
        "&lt;b&gt; &#233; &eacute; &amp;amp;", "cafÃ© donâ€™t", "“smart” ‘quotes’ it’s", "ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ", "ﬁre ﬂower", "ı İ i̇ I",
        "DİYARBAKIR ılık", "ΑΣ ΑΣ. ΟΔΟΣ", "ς σ Σ", "ẞ ß ss", "ǅ ǈ ǋ ǲ", "ᾈ ᾳ ᾼ", "ꭰ Ꭰ", "Ა ა", "👩🏽‍🚀 👨🏿‍🦱", "🏳️‍🌈 🏴‍☠️",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "1️⃣ #️⃣", "☺ ☺\ufe0f ☺\ufe0e", "٠١٢ ۴۵ ०१ ௧௨ ๑๒ ４５", "Ⅳ ⅳ ↂ 〇 ㊿ 🄌 𝟙𝟚",
        "a1b2 1a", "\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", "a\u2028b\u2029c\x85d", "a\x1cb\x1db\x1eb\x1fb", "a\u180eb\u2060c\ufeffd",
        "\u202eRTL\u202c \u200fשלום\u200e", "مرحبا بالعالم", "שָׁלוֹם", "\x00\x01\x02\x1b[0m\x7f", "a" + "\u0301" * 40, "e" + "\u0323\u0301" * 35 + "x",
        "\u0301" * 70, "q\u0307\u0323 q\u0323\u0307", "\u1100\u1161\u11a8", "\uac00\u11a8 \u1100\u1161", "\u0958 \u09dc \u0fb9", "\u2126 \u212a \u212b \u00c5",
        "\u0344 \u0385 \u1fee", "\u2adc \U0001d15e \U0001d1bb", "n\u0303 N\u0303 ñ Ñ", "s\u0323\u0307 \u1e69", "が か\u3099 ｶﾞ", "ＦＵＬＬ ｗｉｄｔｈ",
        "don't DON'T don’t 'tis 'twas", "'sss 'tt 'rere 'lll 'dd 'mm", "'S 'RE 'LL", "x's's y've'll", "'" * 3, "\"'s\"", "<|startoftext|>!", "<|STARTOFTEXT|>!",
        "!<|STARTOFTEXT|>", "<|EndOfText|>.", "a<|ENDOFTEXT|>b", "<|startoftext|", "<|startoftext|><|startoftext|>", "<|endoftext|>" * 5, " <|endoftext|> ",
        "x<|endoftext|>'s", "</w> <w> w>", "Ġ Ċ ĠA", "_" * 40, "=" * 33, "-" * 64 + ">", "." * 101, "!?" * 30, "0" * 50, "z" * 500, "aA" * 90, "ha" * 150,
        "Ａ" * 40, "ไ" * 50, "\u200d" * 30, "🙂" * 45, "한" * 45, "x" + " " * 300 + "y", "\r\n".join(["line"] * 12), "tab\tsep\tvalues", "C:\\path\\to",
        "f(x)=x^2+1", "#hashtag @mention $5.00 50%", "(cat:1.2) ((dog)) [bird|fish]", "<lora:name:0.8>", "a,b;c:d", "e.g. i.e. U.S.A.", "1st 2nd 3rd 4K 8k",
        "h₂o x² ½", "naïve cafe\u0301 résume\u0301", "A\u030angstro\u0308m", "\u1112\u1161\u11ab\u1100\u1173\u11af 한글", "𠮷野家", "\U0001f1fa\U0001f1f8",
        "\u0378 \u1c89\u1c8a \ua7cb\ua7dc \U00010d50\U00010d70 \U000105c0", "\ufffd", "\ufffe\uffff", "\ue000\U000f0000",
        # What libraries differ in: marks beyond U+FFFF are not those of the lower 16 bits, and no composition is newer than Unicode 9.
        "\U00011f61\u0300", "s\U00020053\u0301", "dark\u064b\u0d3c", "\U00011935\U00011930", "~\u3099\u089e", "\u0345\U0001e4ec", "e\u0327\U000e0301\u0301",
    ]
    words = ("cat dog Portrait of THE a painting by greg rutkowski 8k 4K, (soft:0.5) light's don't 12 3d neon-lit city, 夜 café ☕ "
             "ultra-realistic [blur] f/1.8 50mm bokeh Élan über naïve 東京 москва 🙂 :) ... -- AND BREAK").split()
    rng = random.Random(7)
    for _ in range(320):
        hard.append(rng.choice(["", " ", "  "]).join(rng.choice(words) for _ in range(rng.randint(1, 30))))
    for _ in range(60):
        hard.append("".join(chr(rng.choice([rng.randint(32, 126), rng.randint(0xA0, 0x24F), rng.randint(0x300, 0x5FF),
                                            rng.randint(0x1F300, 0x1F6FF)])) for _ in range(rng.randint(1, 20))))
    marks = [0x300, 0x301, 0x304, 0x307, 0x308, 0x323, 0x327, 0x328, 0x345, 0x5B0, 0x5B4, 0x64B, 0x651, 0x93C, 0x9BE, 0x1161, 0x11A8, 0x3099]
    bases = [0x41, 0x61, 0x65, 0x69, 0x6F, 0x73, 0xC5, 0x1EA5, 0x3B1, 0x1100, 0xAC00, 0x304B, 0x5D0, 0x627, 0x9C7, 0x20]
    for n in range(80):
        long = n % 4 == 0
        hard.append("".join(chr(rng.choice(marks if rng.random() < (0.97 if long else 0.6) else bases)) for _ in range(rng.randint(2, 70 if long else 12))))
    return list(dict.fromkeys(hard))


def added(content, normalized, **more):
    return {"content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False, **more}


def configs():
    """Folders by name: tokenizer_config.json as the models have it, and the other small files."""
    base = {"add_prefix_space": False, "do_lower_case": True, "errors": "replace", "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    typed = {"__type": "AddedToken"}
    older = {"bos_token": {**typed, **added(START, True)}, "eos_token": {**typed, **added(END, True)}, "unk_token": {**typed, **added(END, True)}}
    names = {"bos_token": added(START, True), "eos_token": added(END, True), "unk_token": added(END, True)}
    plain = {"bos_token": START, "eos_token": END, "unk_token": END}
    return {
        "nothing": {},
        "plain": {"tokenizer_config": {**base, **plain, "pad_token": END}},
        "bang": {"tokenizer_config": {**base, **plain, "pad_token": "!"}},
        "sd15": {"tokenizer_config": {**base, **older, "pad_token": END}, "special_tokens_map": {**names, "pad_token": END}},
        "sd2": {"tokenizer_config": {**base, **older, "pad_token": END}, "special_tokens_map": {**names, "pad_token": "!"}},
        "decoder": {
            "tokenizer_config": {**base, **plain, "pad_token": "!", "added_tokens_decoder": {
                "0": added("!", False, special=True), "49406": added(START, True, special=True), "49407": added(END, True, special=True)}},
            "special_tokens_map": {"pad_token": END},  # not read beside added_tokens_decoder
        },
        "decoder_plain": {
            "tokenizer_config": {**base, **plain, "pad_token": END, "added_tokens_decoder": {
                "49406": added(START, False, special=True), "49407": added(END, False, special=True)}},
        },
        "inversion": {  # textual inversion adds tokens of its own
            "tokenizer_config": {**base, **plain, "pad_token": END, "added_tokens_decoder": {
                "49406": added(START, True, special=True), "49407": added(END, False, special=True),
                "49408": added("<Cat-Toy>", True, special=False), "49409": added("<cat-toy>_1", False, special=False)}},
        },
        "inversion_older": {
            "tokenizer_config": {**base, **older, "pad_token": END}, "special_tokens_map": {**names, "pad_token": END},
            "added_tokens": {"<midjourney-style>": 49408, "MyToken": 49409},
        },
        "extra": {"tokenizer_config": {
            **base, **plain, "pad_token": END, "additional_special_tokens": ["<one>", {**typed, **added("<TWO>", True)}]}},
        "short": {"tokenizer_config": {**base, **plain, "pad_token": END, "model_max_length": 9}},
        "whole": {"tokenizer_config": {**base, **plain, "pad_token": "!"}, "tokenizer": True},
        "whole_alone": {"tokenizer": True},
    }


STRINGS = [
    "", "a photo of a cat", "hello!", "!!!", "wow! it's !", "a ! b", "<|startoftext|>!", "<|STARTOFTEXT|>!x", "<|EndOfText|>", "a <|endoftext|>b", "<|endoftext|",
    "it's!'s", "!'s", "x!!'re!", "¡hola!", "！", "<cat-toy> <CAT-TOY>", "<cat-toy>_1", "<Cat-Toy>_1x", "a<cat-toy>b", "<midjourney-style> art", "MyToken mytoken MYTOKEN",
    "<one><two><TWO>", "one <one>!", "<|startoftext|><|endoftext|>", "a photo of a cat, " * 20, "!" * 90, "e\u0301!e\u0301", " ! ", "\n!\n",
]


def write(folder, ids, merges, files):
    if files.get("tokenizer"):
        backend = CLIPTokenizer(vocab=ids, merges=merges).backend_tokenizer
        (folder / "tokenizer.json").write_text(backend.to_str())
    else:
        (folder / "vocab.json").write_text(json.dumps(ids))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")
    for name in ("tokenizer_config", "special_tokens_map", "added_tokens"):
        if name in files:
            (folder / f"{name}.json").write_text(json.dumps(files[name]))


def opened(ids, merges, files):
    with tempfile.TemporaryDirectory() as d:
        write(pathlib.Path(d), ids, merges, files)
        return CLIPTokenizer.from_pretrained(d)


def tokens(reference, text):
    return reference(text, add_special_tokens=False)["input_ids"]


def dump(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def cut(symbols, all_tokens, merges, texts):
    """The merges that the strings can reach: those that make a part of a word of theirs."""
    reach = set()
    for t in texts:
        low = "".join(c.lower() for c in unicodedata.normalize("NFC", t))
        for word in low.split():
            reach.add("".join(symbols[b] for b in word.encode()))
    text = "\n".join(reach)
    kept = [m for m in merges if "".join(m).removesuffix("</w>") in text]
    want = {t for m in kept for t in (*m, "".join(m))} | set(all_tokens[:512]) | set(all_tokens[-2:])
    return kept, {t: i for i, t in enumerate(all_tokens) if t in want}


def sums(reference):
    out = []
    for block in range(0, 0x110000, 4096):
        h = hashlib.sha256()
        texts = [f"a{chr(c)}b" for c in range(block, block + 4096) if not 0xD800 <= c < 0xE000]
        if texts:
            for ids in reference(texts, add_special_tokens=False)["input_ids"]:
                h.update(b"".join(i.to_bytes(4, "little") for i in [*ids, 0xFFFFFFFF]))
        out.append(h.hexdigest()[:16])
    return out


def main():
    lines = gzip.open(sys.argv[1]).read().decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    symbols = byte_symbols()
    all_tokens = [*symbols.values()]
    all_tokens += [t + "</w>" for t in all_tokens] + ["".join(m) for m in merges] + [START, END]
    ids = {t: i for i, t in enumerate(all_tokens)}
    texts = corpus()
    kept, part = cut(symbols, all_tokens, merges, texts + STRINGS)

    folder = HERE / "clip"
    folder.mkdir(exist_ok=True)
    write(folder, part, kept, {"tokenizer_config": {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": END, "bos_token": START, "eos_token": END, "unk_token": END}})
    (folder / "vocab.json").write_text(json.dumps(part, ensure_ascii=False) + "\n")
    whole, small = opened(ids, merges, {}), opened(part, kept, {})
    cases = [{"text": t, "tokens": tokens(whole, t)} for t in texts]
    for c in cases:
        assert tokens(small, c["text"]) == c["tokens"], c
    assert cases[6]["tokens"] == [320, 1125, 539, 320, 2368], cases[6]  # the published tokens of "a photo of a cat"
    dump("clip.json", cases)

    out = {}
    for name, files in configs().items():
        # The part has holes, and transformers numbers added tokens from the count of tokens: the whole has none.
        t = opened(ids, merges, files)
        length = min(t.model_max_length, 77)
        out[name] = {"files": files, "cases": [
            {"text": s, "tokens": tokens(t, s), "padded": t(s, padding="max_length", max_length=length, truncation=True)["input_ids"]} for s in STRINGS]}
    dump("configs.json", out)

    rng = random.Random(11)
    raw = [b"\xff", b"a\xffb", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82a", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80",
           b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf8\x88\x80\x80\x80", b"caf\xe9", b"\x80\x80\x80", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"]
    raw += [bytes(rng.choice([rng.randrange(256), rng.choice(b"aZ !\xe2\x82\xac\xf0\x9f\x98\x80\xed\xc3\xa9")]) for _ in range(rng.randint(1, 24))) for _ in range(150)]
    dump("bytes.json", [{"hex": b.hex(), "tokens": tokens(small, b.decode(errors="replace"))} for b in raw])

    numbers = list(part.values())
    lists = [c["tokens"] for c in cases[:60]] + [[ids[START], 320, ids[END], ids[END]]]
    lists += [[rng.choice(numbers[:600] if rng.random() < 0.5 else numbers) for _ in range(rng.randint(1, 12))] for _ in range(150)]
    dump("texts.json", [{"tokens": x, "text": small.decode(x, skip_special_tokens=True)} for x in lists])

    dump("unicode.json", sums(small))
    print(len(cases), "strings,", len(kept), "merges")


main()

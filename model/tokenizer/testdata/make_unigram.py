#!/usr/bin/env python3
"""Writes unigram/, what the tests of the unigram tokenizer compare with:

tokenizer.json  a small vocabulary in the form of T5's file, trained on train.txt, with SentencePiece's own nmt_nfkc map
cases.json      strings with the tokens of tokenizers: those of this file, and of variants of it by the keys that differ
                ("MAP" stands for the map of the file)

The trainer gives scores that differ in their last digits from run to run; the tokens are those of the file beside them.

usage: make_unigram.py (needs tokenizers and, for the map, sentencepiece; made with tokenizers 0.23.3, sentencepiece 0.2.3)
"""
import base64
import copy
import io
import json
import os
import pathlib
import random

os.environ["RAYON_NUM_THREADS"] = "1"

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
OUT = HERE / "unigram"


def field(data, number):
    """The first field of bytes of a protocol buffer with this number."""
    def varint(at):
        n = shift = 0
        while True:
            n |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                return n, at
    at = 0
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            _, at = varint(at)
        elif key & 7 == 2:
            n, at = varint(at)
            if key >> 3 == number:
                return data[at:at + n]
            at += n
        else:
            at += 4 if key & 7 == 5 else 8
    raise KeyError(number)


def charsmap():
    """ModelProto.normalizer_spec.precompiled_charsmap of any model with this rule."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a few words of text", "and some more of them"] * 20), model_writer=out, vocab_size=40,
        normalization_rule_name="nmt_nfkc", hard_vocab_limit=False, minloglevel=9)
    return field(field(out.getvalue(), 3), 2)


def whole():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Precompiled(charsmap())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")])
    t.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    t.train([str(OUT / "train.txt")], trainers.UnigramTrainer(
        vocab_size=900, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    s = json.loads(t.to_str())
    size = len(s["model"]["vocab"])
    s["model"]["vocab"] += [[f"<extra_id_{i}>", 0.0] for i in (2, 1, 0)]
    for i in range(3):
        s["added_tokens"].append({"id": size + i, "content": f"<extra_id_{2 - i}>", "single_word": False, "lstrip": i > 0,
                                  "rstrip": i > 1, "normalized": False, "special": True})
    s["post_processor"] = json.loads(processors.TemplateProcessing(
        single=["$A", "</s>"], pair=["$A", "</s>", "$B", "</s>"], special_tokens=[("</s>", 1)]).__getstate__())
    return s


def variants(s):
    size = len(s["model"]["vocab"])
    fallback = copy.deepcopy(s["model"])
    fallback["vocab"] = fallback["vocab"][:400] + [[f"<0x{b:02X}>", -20.0] for b in range(256)]
    fallback["byte_fallback"] = True
    half = copy.deepcopy(fallback)
    half["vocab"] = half["vocab"][:400 + 0xe8]
    plain = [dict(t) for t in s["added_tokens"][:3]]
    meta = {"type": "Metaspace", "replacement": "▁"}
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    blanks = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
    chars = {"type": "Precompiled", "precompiled_charsmap": "MAP"}
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
    yield "file", {}
    yield "converted", {"normalizer": {"type": "Sequence", "normalizers": [chars, strip, blanks]},
                        "pre_tokenizer": meta | {"prepend_scheme": "always", "split": True}}
    yield "first", {"normalizer": {"type": "Sequence", "normalizers": [chars, strip, blanks]},
                    "pre_tokenizer": meta | {"prepend_scheme": "first", "split": True}}
    yield "never", {"normalizer": None, "pre_tokenizer": meta | {"prepend_scheme": "never", "split": False}}
    yield "string", {"normalizer": {"type": "Replace", "pattern": {"String": "aa"}, "content": "b  "}, "post_processor": None,
                     "pre_tokenizer": meta | {"replacement": "_", "prepend_scheme": "always", "split": True}}
    yield "bytes", {"model": fallback, "added_tokens": plain}
    yield "some bytes", {"model": half, "added_tokens": plain}
    even = {"type": "Unigram", "unk_id": 2, "vocab": s["model"]["vocab"][:3] + [
        ["▁", -1.0], ["a", -1.0], ["aa", -2.0], ["aaa", -3.0], ["ab", -9.0], ["c", -9.0], ["bc", -0.5], ["cbb", -9.5], ["ba", -0.5]]}
    yield "ties", {"model": even, "added_tokens": plain}
    yield "added", {"added_tokens": s["added_tokens"] + [
        added | {"id": size, "content": "Ｃａｔ"}, added | {"id": size + 1, "content": "brand new", "lstrip": True},
        added | {"id": size + 2, "content": "ﬁ", "normalized": False, "rstrip": True}]}


HARD = [
    "", " ", "   ", "\t\n\r\x0b\x0c", "a", "A photo of a cat", "  leading and   trailing  ", "tab\tnew\nline\r\nreturn", "a  b   c    d",
    "hello, world!", "it's we're I'll don't", "1234567890", "3.14159 1,000,000", "snake_case camelCase", "https://example.com/a?b=c&d=%20#e",
    "caf\u00e9", "cafe\u0301", "\u212b \u00c5 A\u030a", "naïve façade", "Straße GROẞ", "ΣΊΣΥΦΟΣ", "İstanbul ıI", "ﬁne ﬀ ﬃ", "日本語のテキスト", "中文字符",
    "한국어", "\u1112\u1161\u11ab", "العربية", "עברית", "हिन्दी पाठ", "ไทยข้อความ", "Русский текст", "ქართული", "🙂", "👨\u200d👩\u200d👧", "👍🏽", "🇩🇪🇯🇵", "❤️ ❤", "a🙂b",
    "\u200bzero\u200bwidth\u200d", "\u00a0no\u00a0break\u00a0", "\u2003em\u3000ideographic\u2028", "\ufeffbom", "nul\0nul", "\x01\x02\x7f\x80\x9f", "—–-‐‑", "“quotes”",
    "…", "½ ¼ ² ₂ Ⅷ ①", "ﷺ", "ｆｕｌｌ　ｗｉｄｔｈ", "ｶﾞｷﾞ", "</s>", "a</s>b", "<pad> x <unk> y", "<unk>", "<unk>zz", "</s", "< /s>", "</s></s>", "<extra_id_0>",
    "a <extra_id_0> b", "a <extra_id_1> b", "a <extra_id_2> b", "  <extra_id_1>  <extra_id_0>  </s>  ", "x\u3000<extra_id_0>\u2003y", "▁", "▁▁a▁ b", " ▁ ", "a▁b", "_a_ _",
    "a" * 300, "é" * 100, "猫" * 90, "ab" * 200, "zq" * 50, " ".join(["word"] * 100), "qxzj", "qx猫zj 猫", "a\u0301", "\u0301", "\u0301\u0301a", "e\u0301\u0302", "1\u0301",
    " \u0301", "\t\u0301x", "\r\n\u0301", "a\u200d", "a\u200db", "©\u200d©\u0301", "가\u0301", "\u1100\u1161\u0301", "क\u094dक\u0301", "\u0600a\u0301", "a\U0001f3fb",
    "ﬁ\u0301", "½\u0301", "Ａ\u0301", "\u0340\u0302", "\u0385", "\u1fee\u0301", "K\u0301", "\u2126\u0301", "\u0e33\u0e33", "ｶ\u3099", "aaa aaaa baab", "\ud7ff\ue000\uffff\U0010ffff",
    "𝒜𝓁𝓅𝒽𝒶", "CatＣａｔcat", "a brand new ﬁ  cat", "brand newbrand new", "<0x41>", "<0xE2>é", "\u00ad\u00adsoft", "<b>bold</b>", "!!!???", "(masterpiece:1.2), [bad]",
    "an oil painting of a fox in the style of van gogh, trending on artstation, 4k", "x" * 5000, "the network " * 300,
]
ALPHABETS = [
    "abcdefghij klmnop  qrstuvwxyz", "aeinrst \u0301\u0302\u0308\u0323", "½ﬁＡａ①ｶﾞ\u0340\u0343\u0344\u0301\u0300\u3099 ", "\t\n\r \u00a0\u2003\u3000\u200b\u200d\u0301\u00ad x",
    "가각\u1100\u1161\u11a8\u0301a ", "कखग\u094d\u0301\u093c\u200d\u200c\u0903 ", "©®☺🙂🏽\u200d\ufe0f\u0301🇩🇪a ", "\u0600\u06dd\u0301a1é\u0e33 ", "猫犬é▁_ the", "▁ ab </s>",
]


def random_strings(n):
    r = random.Random(7)
    for i in range(n):
        alphabet = ALPHABETS[i % len(ALPHABETS)]
        yield "".join(r.choice(alphabet) for _ in range(r.randrange(1, 25)))
    for _ in range(n // 4):
        yield "".join(chr(r.choice([r.randrange(0x250), r.randrange(0x300, 0x3000), r.randrange(0x3000, 0xd800),
                                    r.randrange(0xe000, 0x10000), r.randrange(0x10000, 0x20000), 0x20, 0x301])) for _ in range(16))


def words():
    return ["".join("abc"[n // 3 ** i % 3] for i in range(length)) for length in range(2, 6) for n in range(3 ** length)]


def main():
    s = whole()
    (OUT / "tokenizer.json").write_text(json.dumps(s, ensure_ascii=False, separators=(",", ":")) + "\n")
    encoded = s["normalizer"]["precompiled_charsmap"]
    texts = HARD + list(random_strings(400))
    result = []
    for name, keys in variants(s):
        t = Tokenizer.from_str(json.dumps(s | json.loads(json.dumps(keys).replace("MAP", encoded))))
        cut = texts if name == "file" else words() if name == "ties" else [x for x in HARD if len(x) < 400] + texts[len(HARD)::5]
        result.append({"name": name, "keys": keys, "texts": cut, "tokens": [t.encode(x).ids for x in cut]})
        print(name, len(cut), sum(2 in x for x in result[-1]["tokens"]))
    (OUT / "cases.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


main()

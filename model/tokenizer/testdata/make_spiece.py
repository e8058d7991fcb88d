#!/usr/bin/env python3
"""Writes spiece/, what the test of SentencePiece's own files compares with:

spiece.model  a small vocabulary of T5's kind, trained on unigram/train.txt, with a small map of characters
cases.json    strings with the tokens that transformers' T5Tokenizer makes of them from that file

usage: make_spiece.py (needs sentencepiece, protobuf and transformers; made with sentencepiece 0.2.3, transformers 5.23.0)
"""
import json
import pathlib
import tempfile

import sentencepiece
from transformers import T5Tokenizer

HERE = pathlib.Path(__file__).parent
OUT = HERE / "spiece"
OUT.mkdir(exist_ok=True)
with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
    # From a character, and from two, to others: full width, a ligature, a dash, a tab.
    for a, b in (("Ａ", "A"), ("ﬁ", "fi"), ("—", "-"), ("e\u0301", "é"), ("\t", " "), ("½", "1/2")):
        rules.write(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n")
    rules.flush()
    sentencepiece.SentencePieceTrainer.train(
        input=str(HERE / "unigram" / "train.txt"), model_prefix=str(OUT / "spiece"), vocab_size=300, pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, normalization_rule_tsv=rules.name, minloglevel=9, num_threads=1)
(OUT / "spiece.vocab").unlink()
t = T5Tokenizer.from_pretrained(OUT)
texts = ["", " ", "a photo of a cat", "  two  blanks ", "Ａ ﬁne ½ day—night", "cafe\u0301 café", "tab\there", "a\nb", "unknown 猫 sign",
         "end</s>of", "<pad> x <unk> y", "<extra_id_0> and <extra_id_99>", "▁underline", "UPPER lower 123", "it's a dog's life."]
texts += [line for line in (HERE / "unigram" / "train.txt").read_text().split("\n")[:40] if line]
with open(OUT / "cases.json", "w") as f:
    json.dump([{"text": s, "ids": t(s).input_ids} for s in texts], f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
print(len(t), len(texts))

#!/usr/bin/env python3
"""Writes spiece/, what the test of SentencePiece's own files compares with:

spiece.model  a small vocabulary of T5's kind, trained on unigram/train.txt, with a small map of characters, and with
              pieces of each type that T5Tokenizer takes: normal, unknown, control, user-defined, unused
cases.json    strings with the tokens that transformers' T5Tokenizer makes of them from that file

usage: make_spiece.py (needs sentencepiece, protobuf and transformers; made with sentencepiece 0.2.3, transformers 5.23.0)
"""
import json
import os
import pathlib

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import T5Tokenizer

os.chdir(pathlib.Path(__file__).parent)  # the file keeps the names of what it was made from
out = pathlib.Path("spiece")
out.mkdir(exist_ok=True)
rules = out / "rules.tsv"
# From a character, and from two, to others: full width, a ligature, a dash, a tab.
rules.write_text("".join(
    " ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n"
    for a, b in (("Ａ", "A"), ("ﬁ", "fi"), ("—", "-"), ("e\u0301", "é"), ("\t", " "), ("½", "1/2"))))
sentencepiece.SentencePieceTrainer.train(
    input="unigram/train.txt", model_prefix="spiece/spiece", vocab_size=300, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
    control_symbols=["<control>"], user_defined_symbols=["<dog>", "qu"], normalization_rule_tsv=str(rules),
    minloglevel=9, num_threads=1)
rules.unlink()
(out / "spiece.vocab").unlink()
model = sentencepiece_model_pb2.ModelProto()
model.ParseFromString((out / "spiece.model").read_bytes())
unused, = (p for p in model.pieces if p.piece == "▁the")  # to transformers a piece as others
unused.type = unused.UNUSED
(out / "spiece.model").write_bytes(model.SerializeToString(deterministic=True))
t = T5Tokenizer.from_pretrained("spiece")
texts = ["", " ", "a photo of a cat", "  two  blanks ", "Ａ ﬁne ½ day—night", "cafe\u0301 café", "tab\there", "a\nb", "unknown 猫 sign",
         "end</s>of", "<pad> x <unk> y", "<extra_id_0> and <extra_id_99>", "▁underline", "UPPER lower 123", "it's a dog's life.",
         "a <dog> b<dog>c", "quick aquatic Qu", "<control> in<control>side", "the other"]
texts += [line for line in pathlib.Path("unigram/train.txt").read_text().split("\n")[:40] if line]
with open(out / "cases.json", "w") as f:
    json.dump([{"text": s, "ids": t(s).input_ids} for s in texts], f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
print(len(t), len(texts), t.tokenize("the other"))

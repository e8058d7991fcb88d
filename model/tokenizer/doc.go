// Package tokenizer turns prompts into the tokens of CLIP's text encoders, as
// transformers' CLIPTokenizer does: byte-pair encoding over UTF-8 bytes (Sennrich et al.,
// "Neural Machine Translation of Rare Words with Subword Units", 2016; Radford et al.,
// "Learning Transferable Visual Models From Natural Language Supervision", 2021).
//
// A text is brought to NFC, its white space to single blanks, and to lower case; it is
// cut into words, contractions, digits and runs of other characters; and each piece, a
// sequence of bytes, is merged by the ranks of merges.txt. Time and memory grow with the
// length of the text as n log n, whatever the text.
package tokenizer

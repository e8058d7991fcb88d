// Package tokenizer turns prompts into the tokens of CLIP's text encoders, as transformers' CLIPTokenizer does:
// byte-pair encoding over UTF-8 bytes (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
// 2016; Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021).
//
// Added tokens, such as "<|endoftext|>", are taken out of a text first. What is between them is brought to NFC, its
// white space to single blanks, and to lower case; it is cut into words, contractions, digits and runs of other
// characters; and each piece, a sequence of bytes, is merged by the ranks of merges.txt. Time and memory grow with the
// length of the text as n log n, whatever the text.
//
// # Padding
//
// The first models fill texts up with "<|endoftext|>". Stable Diffusion 2, and the second encoder of Stable Diffusion
// XL, fill up with token 0, which is "!". There "!" is a special token: transformers finds it in prompts before it cuts
// them into words, so "wow!!" ends in two tokens 0, where the first models have one token "!!</w>". So does [CLIP].
//
// # Differences
//
// open_clip, which trained those models, prepares texts otherwise: it repairs wrongly decoded text, spells out
// ligatures and straightens quotes (ftfy), replaces HTML entities ("&amp;" by "&"), lower-cases a sigma at the end of a
// word to the final one, and names the special tokens "<start_of_text>" and "<end_of_text>". transformers does none of
// this since its version 5, and neither does this package.
//
// Letters and digits are those of Unicode 16, lower case is that of Unicode 17, and composition that of Unicode 9, as in
// tokenizers 0.23.
//
// # T5
//
// [Unigram] is the tokenizer of T5's encoders, which Stable Diffusion 3, FLUX and PixArt have beside or in place of
// CLIP's: SentencePiece's unigram model as tokenizers' tokenizer.json has it. Its clusters of characters are those that
// tokenizers 0.23 takes for one, its vocabulary and its table of replaced characters those of the file. Without a
// tokenizer.json, SentencePiece's own spiece.model is read, as transformers' T5Tokenizer reads it: with the settings of
// T5's files only, and without byte fallback.
package tokenizer

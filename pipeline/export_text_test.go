package pipeline

import "io/fs"

// Tokenizer is the interface of a text's tokens, for tests.
type Tokenizer = tokenizer

// ReplaceTokenizer replaces what opens tokenizers until restore is called.
func ReplaceTokenizer(open func(fsys fs.FS, dir string) (Tokenizer, error)) (restore func()) {
	old := openTokenizer
	openTokenizer = open
	return func() { openTokenizer = old }
}

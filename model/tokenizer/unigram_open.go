package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Limits of a unigram vocabulary beside those of all files.
const (
	maxPiece   = 256     // bytes of a piece; SentencePiece's have at most 16 characters
	maxNodes   = 1 << 22 // of the trie of the pieces; T5's has 100,000
	maxSteps   = 16      // parts of a template
	maxReplace = 16      // bytes of what a Replace puts in
	maxMapped  = 256     // bytes of what Precompiled puts in for a character; NFKC's have at most 33
)

// maxOfType is how many normalizers of a type there may be, so that no text grows without bound.
var maxOfType = map[string]int{"Precompiled": 1, "Strip": 2, "Replace": 2}

// OpenUnigram reads the tokenizer.json of a folder, as transformers writes it for T5: a model of type Unigram with the
// normalizers Precompiled, Strip and Replace, the pre-tokenizers WhitespaceSplit and Metaspace, and the post-processor
// TemplateProcessing. Others are refused. Settings of truncation and padding are not looked at: those of a text are
// arguments of [Unigram.Encode]. Without that file it reads spiece.model, SentencePiece's own, as transformers'
// T5Tokenizer does. Errors are [*FileError].
func OpenUnigram(fsys fs.FS, dir string) (*Unigram, error) {
	name := path.Join(dir, "tokenizer.json")
	data, err := read(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		own := path.Join(dir, spieceFile)
		if data, err := read(fsys, own); err == nil || !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return nil, err
			}
			return parseSpiece(own, data)
		}
	}
	if err != nil {
		return nil, err
	}
	return ParseUnigram(name, data)
}

// ParseUnigram is [OpenUnigram] for the content of a file, whose name is for errors.
func ParseUnigram(name string, data []byte) (*Unigram, error) {
	if len(data) > maxFile {
		return nil, &FileError{File: name, Wanted: fmt.Sprintf("at most %d bytes", maxFile), Found: fmt.Sprint(len(data))}
	}
	o, err := parse(name, "", data)
	if err != nil {
		return nil, err
	}
	u := &Unigram{strips: map[int32]strips{}, pieces: pieces{ids: map[string]int32{}, vocab: map[string]int32{},
		next: map[uint64]int32{}, ends: map[int32]int32{}}}
	for _, f := range []func(*object) error{u.readModel, u.readNormalizer, u.readSplitter, u.readAdded, u.readTemplate} {
		if err := f(o); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// readModel reads the vocabulary.
func (u *Unigram) readModel(o *object) error {
	m, err := o.object("model")
	if err != nil {
		return err
	}
	if m == nil {
		return o.fail("model", "a model of type Unigram", "none", nil)
	}
	if err := m.oneType("Unigram"); err != nil {
		return err
	}
	var list []json.RawMessage
	if ok, err := m.get("vocab", "a list of pieces", &list); err != nil || !ok {
		return orMissing(m, "vocab", "a list of pieces", err)
	}
	if len(list) == 0 || len(list) > maxTokens {
		return m.fail("vocab", fmt.Sprintf("1..%d pieces", maxTokens), fmt.Sprint(len(list)), nil)
	}
	for i, v := range list {
		if err := u.readPiece(m, fmt.Sprintf("vocab[%d]", i), v); err != nil {
			return err
		}
	}
	unknown := -1
	if ok, err := m.get("unk_id", "a whole number", &unknown); err != nil || !ok {
		return orMissing(m, "unk_id", "the number of the unknown piece", err)
	}
	if unknown < 0 || unknown >= len(list) {
		return m.fail("unk_id", fmt.Sprintf("0..%d", len(list)-1), fmt.Sprint(unknown), nil)
	}
	if _, err := m.get("byte_fallback", "true or false", &u.byteFallback); err != nil {
		return err
	}
	u.pieces.unknown = int32(unknown)
	u.pieces.finish()
	return nil
}

// readPiece reads a piece and its score.
func (u *Unigram) readPiece(m *object, key string, v json.RawMessage) error {
	const wanted = "a piece and its score"
	var pair []json.RawMessage
	var piece *string
	var score *float64
	if json.Unmarshal(v, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[0], &piece) != nil ||
		json.Unmarshal(pair[1], &score) != nil || piece == nil || score == nil {
		return m.fail(key, wanted, show(v), nil)
	}
	if len(*piece) > maxPiece {
		return m.fail(key, fmt.Sprintf("a piece of at most %d bytes", maxPiece), fmt.Sprint(len(*piece)), nil)
	}
	if u.pieces.add(*piece, *score); len(u.pieces.next) > maxNodes {
		return m.fail(key, fmt.Sprintf("a trie of at most %d nodes", maxNodes), "more", nil)
	}
	u.names = append(u.names, *piece)
	return nil
}

// oneType refuses an object whose type is not one of those that are wanted.
func (o *object) oneType(wanted ...string) error {
	var found string
	if _, err := o.get("type", "a string", &found); err != nil {
		return err
	}
	for _, w := range wanted {
		if found == w {
			return nil
		}
	}
	return o.fail("type", fmt.Sprintf("one of %q", wanted), quote(found), nil)
}

// orMissing is an error of get, or that the key is not there.
func orMissing(o *object, key, wanted string, err error) error {
	if err != nil {
		return err
	}
	return o.fail(key, wanted, "nothing", nil)
}

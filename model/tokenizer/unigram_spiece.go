package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// spieceFile is SentencePiece's own file, which the published folders of T5 have, some of them alone.
const spieceFile = "spiece.model"

// extraIDs is how many sentinels T5's tokenizer has behind the pieces of the file, "<extra_id_99>" first.
const extraIDs = 100

// extraID is the beginning of a sentinel's name.
const extraID = "<extra_id_"

// Types of pieces. A normal and an unused one are the same to transformers, which takes no notice of the latter's type.
const (
	pieceNormal  = 1
	pieceUnknown = 2
	pieceControl = 3
	pieceUser    = 4
	pieceUnused  = 5
	pieceByte    = 6
)

// unknownID is where T5Tokenizer has its unknown piece, whatever the file.
const unknownID = 2

// spiece is what is read of a ModelProto (google/sentencepiece, src/sentencepiece_model.proto).
type spiece struct {
	vocab    [][2]any       // piece and score
	ids      map[string]int // of the pieces
	added    []string       // those that are taken out of a text first
	charsmap []byte
	rule     string // the name of charsmap
	settings map[setting]uint64
}

// setting is a number of trainer_spec or normalizer_spec.
type setting struct{ message, field int }

// spieceSettings are those that change the tokens or say how the file is meant, with the only values that T5Tokenizer's
// tokens agree with; they are also what holds where the file has none, but for unk_id, which the pieces say again.
var spieceSettings = []struct {
	setting
	name   string
	wanted uint64
	shown  string
}{
	{setting{2, 3}, "trainer_spec.model_type", 1, "1, unigram"},
	{setting{2, 24}, "trainer_spec.treat_whitespace_as_suffix", 0, "false"},
	{setting{2, 35}, "trainer_spec.byte_fallback", 0, "false"},
	{setting{2, 40}, "trainer_spec.unk_id", unknownID, "2"},
	{setting{3, 3}, "normalizer_spec.add_dummy_prefix", 1, "true"},
	{setting{3, 4}, "normalizer_spec.remove_extra_whitespaces", 1, "true"},
	{setting{3, 5}, "normalizer_spec.escape_whitespaces", 1, "true"},
}

// The fields that are read of a ModelProto and of its messages.
var (
	modelFields      = fields{1: wireBytes, 2: wireBytes, 3: wireBytes}
	pieceFields      = fields{1: wireBytes, 2: wire32, 3: wireVarint}
	trainerFields    = fields{3: wireVarint, 24: wireVarint, 35: wireVarint, 40: wireVarint}
	normalizerFields = fields{1: wireBytes, 2: wireBytes, 3: wireVarint, 4: wireVarint, 5: wireVarint}
)

// parseSpiece reads a spiece.model as transformers' T5Tokenizer does: its pieces and its map of characters in a
// tokenizer.json of T5's form. Settings that have no effect there, but would have in SentencePiece, are refused.
func parseSpiece(name string, data []byte) (*Unigram, error) {
	fail := func(key, wanted string, found any) (*Unigram, error) {
		return nil, &FileError{File: name, Key: key, Wanted: wanted, Found: fmt.Sprint(found)}
	}
	if len(data) > maxFile {
		return fail("", fmt.Sprintf("at most %d bytes", maxFile), len(data))
	}
	m := spiece{ids: map[string]int{}, settings: map[setting]uint64{}}
	if err := modelFields.each(data, m.field); err != nil {
		return fail("", "a model of SentencePiece", err)
	}
	for _, s := range spieceSettings {
		if v, ok := m.settings[s.setting]; ok && v != s.wanted {
			found := any(int32(v))
			if s.shown == "true" || s.shown == "false" {
				found = v != 0
			}
			return fail(s.name, s.shown, found)
		}
	}
	if m.rule != "" && m.rule != "identity" && len(m.charsmap) == 0 {
		return fail("normalizer_spec.precompiled_charsmap", "the map of the rule "+quote(m.rule), "none")
	}
	if id, ok := m.ids["<unk>"]; !ok || id != unknownID {
		return fail("pieces", `"<unk>" as piece 2`, m.where("<unk>"))
	}
	if _, ok := m.ids["</s>"]; !ok {
		return fail("pieces", `"</s>"`, m.where("</s>"))
	}
	file, err := m.tokenizerJSON()
	if err != nil {
		return fail("pieces", "finite scores", err)
	}
	return ParseUnigram(name, file)
}

// where says which piece a name is.
func (m *spiece) where(name string) string {
	if id, ok := m.ids[name]; ok {
		return fmt.Sprintf("piece %d", id)
	}
	return "none of this name"
}

// field takes one of a ModelProto: pieces, trainer_spec and normalizer_spec. The last of a setting holds.
func (m *spiece) field(message int, _ uint64, b []byte) error {
	var err error
	switch message {
	case 1:
		return m.piece(b)
	case 2:
		err = trainerFields.each(b, func(number int, v uint64, _ []byte) error {
			if boolean := number == 24 || number == 35; boolean && v != 0 {
				v = 1
			}
			m.settings[setting{message, number}] = v
			return nil
		})
	case 3:
		err = normalizerFields.each(b, func(number int, v uint64, b []byte) error {
			switch number {
			case 1:
				m.rule = string(b)
			case 2:
				m.charsmap = b
			default:
				m.settings[setting{message, number}] = min(v, 1)
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", map[int]string{2: "trainer_spec", 3: "normalizer_spec"}[message], err)
	}
	return nil
}

// piece takes a piece: its name, its score and its type. SentencePiece itself refuses empty ones and two of a name.
func (m *spiece) piece(b []byte) error {
	name, score, kind := "", 0.0, uint64(pieceNormal)
	id := len(m.vocab)
	err := pieceFields.each(b, func(number int, v uint64, b []byte) error {
		switch number {
		case 1:
			if len(b) == 0 || len(b) > maxPiece || !utf8.Valid(b) {
				return fmt.Errorf("%s, not 1..%d bytes of UTF-8", quote(string(b)), maxPiece)
			}
			name = string(b)
		case 2:
			score = float64(math.Float32frombits(uint32(v)))
		case 3:
			kind = v
		}
		return nil
	})
	_, twice := m.ids[name]
	switch {
	case err != nil:
	case id >= maxTokens:
		err = fmt.Errorf("more than %d pieces", maxTokens)
	case name == "":
		err = errors.New("no name")
	case twice:
		err = fmt.Errorf("%s a second time", quote(name))
	case strings.HasPrefix(name, extraID):
		err = fmt.Errorf("%s, which the tokenizer adds itself", quote(name))
	case kind == pieceByte:
		err = fmt.Errorf("%s of type 6, a byte; byte fallback is not read", quote(name))
	case kind < pieceNormal || kind > pieceUnused:
		err = fmt.Errorf("%s of type %d, not 1..5", quote(name), kind)
	case (kind == pieceUnknown) != (id == unknownID):
		err = fmt.Errorf("%s of type %d; the unknown piece, of type 2, must be piece 2", quote(name), kind)
	}
	if err != nil {
		return fmt.Errorf("piece %d: %w", id, err)
	}
	if kind == pieceControl || kind == pieceUser || name == "<pad>" || name == "</s>" || name == "<unk>" {
		m.added = append(m.added, name)
	}
	m.ids[name] = id
	m.vocab = append(m.vocab, [2]any{name, score})
	return nil
}

// tokenizerJSON is the file that transformers' T5Tokenizer stands for (models/t5/tokenization_t5.py, and
// SentencePieceExtractor of convert_slow_tokenizer.py).
func (m *spiece) tokenizerJSON() ([]byte, error) {
	type object = map[string]any
	var added []object
	add := func(name string, id int) {
		added = append(added, object{"id": id, "content": name, "normalized": false})
	}
	for _, name := range m.added {
		add(name, m.ids[name])
	}
	vocab := m.vocab
	for i := extraIDs - 1; i >= 0; i-- {
		name := fmt.Sprintf("%s%d>", extraID, i)
		add(name, len(vocab))
		vocab = append(vocab, [2]any{name, 0.0})
	}
	file := object{"added_tokens": added,
		"model": object{"type": "Unigram", "unk_id": unknownID, "vocab": vocab, "byte_fallback": false},
		"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []object{{"type": "WhitespaceSplit"},
			{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}}},
		"post_processor": object{"type": "TemplateProcessing", "single": []object{{"Sequence": object{"id": "A", "type_id": 0}},
			{"SpecialToken": object{"id": "</s>", "type_id": 0}}},
			"special_tokens": object{"</s>": object{"id": "</s>", "ids": []int{m.ids["</s>"]}, "tokens": []string{"</s>"}}}},
	}
	if len(m.charsmap) > 0 {
		file["normalizer"] = object{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(m.charsmap)}
	}
	return json.Marshal(file)
}

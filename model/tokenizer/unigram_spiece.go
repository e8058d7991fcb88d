package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// spieceFile is SentencePiece's own file, which the published folders of T5 have, some of them alone.
const spieceFile = "spiece.model"

// extraIDs is how many sentinels T5's tokenizer has behind the pieces of the file, "<extra_id_99>" first.
const extraIDs = 100

// spiece is what is read of a ModelProto (google/sentencepiece, src/sentencepiece_model.proto).
type spiece struct {
	vocab    [][2]any // piece and score
	charsmap []byte
	kind     uint64 // of the model, 1 is unigram
}

// parseSpiece reads a spiece.model as transformers' T5Tokenizer does: its pieces and its map of characters in a
// tokenizer.json of T5's form. What else the file says of normalization has no effect there.
func parseSpiece(name string, data []byte) (*Unigram, error) {
	fail := func(wanted string, err error) (*Unigram, error) {
		return nil, &FileError{File: name, Wanted: wanted, Found: fmt.Sprint(err)}
	}
	if len(data) > maxFile {
		return fail(fmt.Sprintf("at most %d bytes", maxFile), fmt.Errorf("%d", len(data)))
	}
	m := spiece{kind: 1}
	if err := eachField(data, m.field); err != nil {
		return fail("a model of SentencePiece", err)
	}
	if m.kind != 1 {
		return fail("a model of type 1, unigram", fmt.Errorf("type %d", m.kind))
	}
	if len(m.vocab) == 0 {
		return fail("pieces", errors.New("none"))
	}
	file, err := m.tokenizerJSON()
	if err != nil {
		return fail("finite scores", err)
	}
	return ParseUnigram(name, file)
}

// field takes one of a ModelProto: pieces = 1, trainer_spec = 2, normalizer_spec = 3.
func (m *spiece) field(number int, v uint64, b []byte) error {
	switch number {
	case 1:
		piece, score := "", 0.0
		err := eachField(b, func(number int, v uint64, b []byte) error {
			switch number {
			case 1:
				piece = string(b)
			case 2:
				score = float64(math.Float32frombits(uint32(v)))
			}
			return nil
		})
		if err == nil && !utf8.ValidString(piece) {
			err = fmt.Errorf("piece %d %q", len(m.vocab), piece)
		}
		if len(m.vocab) >= maxTokens {
			err = fmt.Errorf("more than %d pieces", maxTokens)
		}
		m.vocab = append(m.vocab, [2]any{piece, score})
		return err
	case 2:
		return eachField(b, func(number int, v uint64, _ []byte) error {
			if number == 3 {
				m.kind = v
			}
			return nil
		})
	case 3:
		return eachField(b, func(number int, _ uint64, b []byte) error {
			if number == 2 {
				m.charsmap = b
			}
			return nil
		})
	}
	return nil
}

// eachField calls f for the fields of a protocol buffer, with the number of one of a fixed size or the bytes of another.
func eachField(data []byte, f func(number int, v uint64, b []byte) error) error {
	cut := errors.New("ends within a field")
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
			return errors.New("a field without a number")
		}
		data = data[n:]
		var v uint64
		var b []byte
		switch key & 7 {
		case 0:
			if v, n = binary.Uvarint(data); n <= 0 {
				return cut
			}
		case 1, 5:
			if n = 8 - int(key&4); len(data) < n {
				return cut
			}
			for i := n - 1; i >= 0; i-- {
				v = v<<8 | uint64(data[i])
			}
		case 2:
			size, k := binary.Uvarint(data)
			if k <= 0 || size > uint64(len(data)-k) {
				return cut
			}
			b, n = data[k:k+int(size)], k+int(size)
		default:
			return fmt.Errorf("a field of type %d", key&7)
		}
		if err := f(int(key>>3), v, b); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// tokenizerJSON is the file that transformers' T5Tokenizer stands for (models/t5/tokenization_t5.py).
func (m *spiece) tokenizerJSON() ([]byte, error) {
	type object = map[string]any
	ids := map[any]int{}
	for i, v := range m.vocab {
		ids[v[0]] = i
	}
	var added []object
	special := func(name string, id int) {
		added = append(added, object{"id": id, "content": name, "normalized": false, "special": true})
	}
	for _, name := range []string{"<pad>", "</s>", "<unk>"} {
		if id, ok := ids[name]; ok {
			special(name, id)
		}
	}
	vocab := m.vocab
	for i := extraIDs - 1; i >= 0; i-- {
		name := fmt.Sprintf("<extra_id_%d>", i)
		if _, ok := ids[name]; ok {
			continue
		}
		special(name, len(vocab))
		vocab = append(vocab, [2]any{name, 0.0})
	}
	file := object{"added_tokens": added,
		"model": object{"type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": false},
		"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []object{{"type": "WhitespaceSplit"},
			{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}}},
		"post_processor": object{"type": "TemplateProcessing", "single": []object{{"Sequence": object{"id": "A", "type_id": 0}},
			{"SpecialToken": object{"id": "</s>", "type_id": 0}}},
			"special_tokens": object{"</s>": object{"id": "</s>", "ids": []int{ids["</s>"]}, "tokens": []string{"</s>"}}}},
	}
	if len(m.charsmap) > 0 {
		file["normalizer"] = object{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(m.charsmap)}
	}
	return json.Marshal(file)
}

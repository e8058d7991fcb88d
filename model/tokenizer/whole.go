package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// model reads the model of tokenizer.json, which is CLIP's: byte-pair encoding with a mark at the ends of words. How
// it cuts texts into words is not read but CLIP's, as in transformers' CLIPTokenizer.
func (c *CLIP) model(whole *object) error {
	m, err := whole.object("model")
	if err != nil {
		return err
	}
	if m == nil {
		return whole.fail("model", "an object", "none", nil)
	}
	kind := "BPE"
	if _, err := m.get("type", `"BPE"`, &kind); err != nil {
		return err
	}
	if kind != "BPE" {
		return m.fail("type", `"BPE"`, quote(kind), nil)
	}
	var suffix string
	if _, err := m.get("end_of_word_suffix", quote(endOfWord), &suffix); err != nil {
		return err
	}
	if suffix != endOfWord {
		return m.fail("end_of_word_suffix", quote(endOfWord), quote(suffix), nil)
	}
	if err := c.vocabulary(m.file, "model.vocab", m.m["vocab"]); err != nil {
		return err
	}
	return c.mergesArray(m)
}

// mergesArray reads pairs, each as "a b" or as ["a", "b"].
func (c *CLIP) mergesArray(m *object) error {
	v := m.m["merges"]
	fail := func(key, wanted string, found []byte, err error) error {
		return m.fail(key, wanted, show(found), err)
	}
	dec := json.NewDecoder(bytes.NewReader(v))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('[') {
		return fail("merges", "an array", v, nil)
	}
	for i := 0; dec.More(); i++ {
		key := fmt.Sprintf("merges[%d]", i)
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return fail(key, "two symbols", nil, err)
		}
		var s string
		left, right, ok := "", "", false
		if v[0] == '"' {
			if json.Unmarshal(v, &s) == nil {
				left, right, ok = cutMerge(s)
			}
		} else if p := []string(nil); json.Unmarshal(v, &p) == nil && len(p) == 2 {
			left, right, ok = p[0], p[1], p[0] != "" && p[1] != ""
		}
		if !ok {
			return fail(key, "two symbols", v, nil)
		}
		if err := c.merge(m.file, "model."+key, left, right); err != nil {
			return err
		}
	}
	return nil
}

// checkProcessor checks that what tokenizer.json puts around a text is what the special tokens say.
func (c *CLIP) checkProcessor(whole *object) error {
	p, err := whole.object("post_processor")
	if err != nil || p == nil {
		return err
	}
	var kind string
	if _, err := p.get("type", "a string", &kind); err != nil {
		return err
	}
	if kind != "RobertaProcessing" {
		return p.fail("type", `"RobertaProcessing"`, quote(kind), nil)
	}
	for key, id := range map[string]int32{"cls": c.start, "sep": c.end} {
		wanted := fmt.Sprintf("[%s, %d]", quote(c.tokens[id]), id)
		var pair []any
		if _, err := p.get(key, wanted, &pair); err != nil {
			return err
		}
		if len(pair) != 2 || pair[0] != c.tokens[id] || pair[1] != float64(id) {
			return p.fail(key, wanted, show(p.m[key]), nil)
		}
	}
	return nil
}

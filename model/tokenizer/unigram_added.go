package tokenizer

import (
	"encoding/json"
	"fmt"
)

// padToken is what fills a text up.
const padToken = "<pad>"

// readAdded reads the added tokens, which have numbers of the vocabulary or follow it.
func (u *Unigram) readAdded(o *object) error {
	var list []json.RawMessage
	if _, err := o.get("added_tokens", "a list", &list); err != nil {
		return err
	}
	if len(list) > maxExtra {
		return o.fail("added_tokens", fmt.Sprintf("at most %d", maxExtra), fmt.Sprint(len(list)), nil)
	}
	for i, v := range list {
		t, err := parse(o.file, fmt.Sprintf("added_tokens[%d]", i), v)
		if err != nil {
			return err
		}
		if err := u.readToken(t); err != nil {
			return err
		}
	}
	var ok bool
	if u.pad, ok = u.pieces.ids[padToken]; !ok {
		return o.fail("added_tokens", quote(padToken), "none of this name", nil)
	}
	return nil
}

func (u *Unigram) readToken(o *object) error {
	id, content := -1, ""
	var normalized, word bool
	var s strips
	for _, f := range []struct {
		key, wanted string
		to          any
	}{{"id", "a whole number", &id}, {"content", "a string", &content}, {"normalized", "true or false", &normalized},
		{"single_word", "true or false", &word}, {"lstrip", "true or false", &s.left}, {"rstrip", "true or false", &s.right}} {
		if _, err := o.get(f.key, f.wanted, f.to); err != nil {
			return err
		}
	}
	if n := len(content); n == 0 || n > maxAdded {
		return o.fail("content", fmt.Sprintf("a token of 1..%d bytes", maxAdded), fmt.Sprint(n), nil)
	}
	if word {
		return o.fail("single_word", "false", "true", nil)
	}
	have, ok := u.pieces.ids[content]
	if !ok {
		have = int32(len(u.names))
	}
	if id != int(have) {
		return o.fail("id", fmt.Sprintf("%d for %s", have, quote(content)), fmt.Sprint(id), nil)
	}
	if !ok {
		u.pieces.ids[content] = have
		u.names = append(u.names, content)
	}
	u.strips[have] = s
	if !normalized {
		u.raw.add(content, have)
		return nil
	}
	for _, n := range u.normalizers {
		content = n.normalize(content)
	}
	u.normalized.add(content, have)
	return nil
}

// readTemplate reads the post-processor: the tokens around a text.
func (u *Unigram) readTemplate(o *object) error {
	p, err := o.object("post_processor")
	if err != nil || p == nil {
		return err
	}
	if err := p.oneType("TemplateProcessing"); err != nil {
		return err
	}
	var list []json.RawMessage
	if ok, err := p.get("single", "a list", &list); err != nil || !ok {
		return orMissing(p, "single", "a list", err)
	}
	if len(list) > maxSteps {
		return p.fail("single", fmt.Sprintf("at most %d", maxSteps), fmt.Sprint(len(list)), nil)
	}
	tokens, err := p.object("special_tokens")
	if err != nil {
		return err
	}
	texts := 0
	for i, v := range list {
		part, err := parse(o.file, fmt.Sprintf("%s.single[%d]", p.path, i), v)
		if err != nil {
			return err
		}
		ids, text, err := u.readPart(part, tokens)
		switch {
		case err != nil:
			return err
		case text:
			texts++
		case texts == 0:
			u.before = append(u.before, ids...)
		default:
			u.after = append(u.after, ids...)
		}
	}
	if texts != 1 {
		return p.fail("single", "the text once", fmt.Sprintf("%d times", texts), nil)
	}
	return nil
}

// readPart reads a part of a template, the text or a special token.
func (u *Unigram) readPart(o, tokens *object) (ids []int32, text bool, err error) {
	if s, err := o.object("Sequence"); err != nil || s != nil {
		return nil, true, err
	}
	s, err := o.object("SpecialToken")
	if err != nil || s == nil {
		return nil, false, orMissing(o, "SpecialToken", "a Sequence or a SpecialToken", err)
	}
	var name string
	if _, err := s.get("id", "a string", &name); err != nil {
		return nil, false, err
	}
	var t *object
	if tokens != nil {
		if t, err = tokens.object(name); err != nil {
			return nil, false, err
		}
	}
	if t == nil {
		return nil, false, s.fail("id", "one of special_tokens", quote(name), nil)
	}
	if _, err := t.get("ids", "a list of numbers", &ids); err != nil {
		return nil, false, err
	}
	if len(ids) > maxSteps {
		return nil, false, t.fail("ids", fmt.Sprintf("at most %d", maxSteps), fmt.Sprint(len(ids)), nil)
	}
	for _, id := range ids {
		if u.Token(id) == "" {
			return nil, false, t.fail("ids", fmt.Sprintf("tokens 0..%d", len(u.names)-1), fmt.Sprint(id), nil)
		}
	}
	return ids, false, nil
}

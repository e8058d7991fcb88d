package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// sequence returns the steps that a key holds: none if it is null, itself if it is one, else those of its list.
func (o *object) sequence(key, list string) ([]*object, error) {
	s, err := o.object(key)
	if err != nil || s == nil {
		return nil, err
	}
	var kind string
	if _, err := s.get("type", "a string", &kind); err != nil {
		return nil, err
	}
	if kind != "Sequence" {
		return []*object{s}, nil
	}
	var parts []json.RawMessage
	if ok, err := s.get(list, "a list", &parts); err != nil || !ok {
		return nil, orMissing(s, list, "a list", err)
	}
	if len(parts) > maxSteps {
		return nil, s.fail(list, fmt.Sprintf("at most %d", maxSteps), fmt.Sprint(len(parts)), nil)
	}
	steps := make([]*object, len(parts))
	for i, p := range parts {
		if steps[i], err = parse(o.file, fmt.Sprintf("%s.%s[%d]", s.path, list, i), p); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func (u *Unigram) readNormalizer(o *object) error {
	steps, err := o.sequence("normalizer", "normalizers")
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, s := range steps {
		n, err := s.normalizer(count)
		if err != nil {
			return err
		}
		u.normalizers = append(u.normalizers, n)
	}
	return nil
}

func (o *object) normalizer(count map[string]int) (normalizer, error) {
	if err := o.oneType("Precompiled", "Strip", "Replace"); err != nil {
		return nil, err
	}
	var kind string
	_, _ = o.get("type", "", &kind) // oneType has read it
	if count[kind]++; count[kind] > maxOfType[kind] {
		return nil, o.fail("type", fmt.Sprintf("%s at most %d times", kind, maxOfType[kind]), "more", nil)
	}
	switch kind {
	case "Precompiled":
		var encoded string
		if ok, err := o.get("precompiled_charsmap", "a string", &encoded); err != nil || !ok {
			return nil, orMissing(o, "precompiled_charsmap", "a string", err)
		}
		return parseCharsmap(o, encoded)
	case "Strip":
		var s strip
		if _, err := o.get("strip_left", "true or false", &s.left); err != nil {
			return nil, err
		}
		_, err := o.get("strip_right", "true or false", &s.right)
		return s, err
	}
	return o.replace()
}

// replace reads a Replace of a string or of the one expression that there is.
func (o *object) replace() (normalizer, error) {
	p, err := o.object("pattern")
	if err != nil || p == nil {
		return nil, orMissing(o, "pattern", "an object", err)
	}
	var to, from string
	if ok, err := o.get("content", "a string", &to); err != nil || !ok {
		return nil, orMissing(o, "content", "a string", err)
	}
	if len(to) > maxReplace {
		return nil, o.fail("content", fmt.Sprintf("at most %d bytes", maxReplace), fmt.Sprint(len(to)), nil)
	}
	if ok, err := p.get("Regex", "a string", &from); err != nil || ok {
		if err == nil && from != blanksExpression {
			err = p.fail("Regex", quote(blanksExpression), quote(from), nil)
		}
		return blanks{to}, err
	}
	if ok, err := p.get("String", "a string", &from); err != nil || !ok || from == "" {
		return nil, orMissing(p, "String", "a string of some characters", err)
	}
	return replace{from, to}, nil
}

// readSplitter reads the pre-tokenizers.
func (u *Unigram) readSplitter(o *object) error {
	steps, err := o.sequence("pre_tokenizer", "pretokenizers")
	if err != nil {
		return err
	}
	if len(steps) == 2 {
		if err := steps[0].oneType("WhitespaceSplit"); err != nil {
			return err
		}
		u.split.whitespace, steps = true, steps[1:]
	}
	if len(steps) != 1 {
		return o.fail("pre_tokenizer", "Metaspace, or WhitespaceSplit and Metaspace", fmt.Sprintf("%d steps", len(steps)), nil)
	}
	return u.split.read(steps[0])
}

// read reads a Metaspace, whose add_prefix_space is older than its prepend_scheme.
func (s *splitter) read(o *object) error {
	if err := o.oneType("Metaspace"); err != nil {
		return err
	}
	s.mark, s.each = "▁", true
	if _, err := o.get("replacement", "a character", &s.mark); err != nil {
		return err
	}
	if utf8.RuneCountInString(s.mark) != 1 {
		return o.fail("replacement", "one character", quote(s.mark), nil)
	}
	if _, err := o.get("split", "true or false", &s.each); err != nil {
		return err
	}
	prefix, scheme := true, "always"
	if _, err := o.get("add_prefix_space", "true or false", &prefix); err != nil {
		return err
	}
	if _, err := o.get("prepend_scheme", "a string", &scheme); err != nil {
		return err
	}
	switch {
	case scheme != "always" && scheme != "first" && scheme != "never":
		return o.fail("prepend_scheme", "always, first or never", quote(scheme), nil)
	case scheme == "never" || !prefix:
		s.prepend = prependNever
	case scheme == "first" && s.whitespace:
		return o.fail("prepend_scheme", "always or never behind WhitespaceSplit", quote(scheme), nil)
	case scheme == "first":
		s.prepend = prependFirst
	}
	return nil
}

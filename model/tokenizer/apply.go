package tokenizer

import (
	"fmt"
	"maps"
	"slices"
)

// apply makes the added tokens part of the vocabulary, which was read from the file vocab.
func (c *CLIP) apply(s *settings, vocab string) error {
	c.length = s.length
	next := int32(0) // of tokens that the vocabulary does not have
	for id := range c.tokens {
		next = max(next, id+1)
	}
	added, declared := map[int32]addedToken{}, map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(s.declared)) {
		t := s.declared[id]
		if err := c.insert(vocab, t.content, id); err != nil {
			return err
		}
		added[id], declared[t.content] = t, true
		next = max(next, id+1)
	}
	ids := map[string]*int32{"bos_token": &c.start, "eos_token": &c.end, "pad_token": &c.pad, "unk_token": &c.unknown}
	for _, role := range roles {
		t, ok := s.byRole[role]
		if !ok {
			continue
		}
		id, ok := c.ids[t.content]
		if !ok {
			return &FileError{File: vocab, Key: role, Wanted: "the token " + quote(t.content), Found: "none of this name"}
		}
		if ids[role] != nil {
			*ids[role] = id
		}
		added[id] = t // of a token with two roles, the flags of the later hold
	}
	for _, t := range s.extra {
		if declared[t.content] {
			continue
		}
		if _, ok := c.ids[t.content]; !ok {
			if err := c.insert(vocab, t.content, next); err != nil {
				return err
			}
			next++
		}
		added[c.ids[t.content]] = t
	}
	if len(added) > maxExtra {
		return &FileError{File: vocab, Key: "added tokens", Wanted: fmt.Sprintf("at most %d", maxExtra), Found: fmt.Sprint(len(added))}
	}
	for _, id := range slices.Sorted(maps.Keys(added)) {
		t := added[id]
		if t.special {
			c.special[id] = true
		}
		if t.normalized {
			c.normalized.add(normalize(t.content), id)
		} else {
			c.raw.add(t.content, id)
		}
	}
	return nil
}

// insert adds a token to the vocabulary unless it is there with this number.
func (c *CLIP) insert(vocab, content string, id int32) error {
	if have, ok := c.ids[content]; ok {
		if have == id {
			return nil
		}
		return &FileError{File: vocab, Key: quote(content), Wanted: fmt.Sprint(id), Found: fmt.Sprint(have)}
	}
	if other, ok := c.tokens[id]; ok {
		return &FileError{File: vocab, Key: quote(other), Wanted: fmt.Sprintf("%s at %d", quote(content), id), Found: quote(other)}
	}
	c.ids[content], c.tokens[id] = id, content
	return nil
}

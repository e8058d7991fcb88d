package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// roles reads the special tokens of an object. In special_tokens_map.json all tokens are special.
func (s *settings) roles(o *object, special bool) error {
	for _, role := range roles {
		v, ok := o.m[role]
		if !ok || string(v) == "null" {
			continue
		}
		t, err := o.token(role, v, special)
		if err != nil {
			return err
		}
		t.special = true
		s.byRole[role] = t
	}
	for _, key := range []string{"additional_special_tokens", "extra_special_tokens"} {
		v, ok := o.m[key]
		if !ok || string(v) == "null" {
			continue
		}
		if v[0] == '{' { // by names that the files choose
			named, err := o.object(key)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(named.m)) {
				t, err := named.token(name, named.m[name], special)
				if err != nil {
					return err
				}
				t.special = true
				s.extra = append(s.extra, t)
			}
			continue
		}
		var list []json.RawMessage
		if _, err := o.get(key, "an array of tokens", &list); err != nil {
			return err
		}
		for i, v := range list {
			t, err := o.token(fmt.Sprintf("%s[%d]", key, i), v, special)
			if err != nil {
				return err
			}
			t.special = true
			s.extra = append(s.extra, t)
		}
	}
	return nil
}

// token reads a token: a string, which is special and looked for in the text as it is, or an object.
func (o *object) token(key string, v json.RawMessage, special bool) (t addedToken, err error) {
	if v[0] == '"' {
		t.special = true
		if err := json.Unmarshal(v, &t.content); err != nil {
			return t, o.fail(key, "a token", show(v), err)
		}
	} else {
		var f struct {
			Content             *string
			Normalized, Special *bool
			SingleWord          bool `json:"single_word"`
		}
		if err := json.Unmarshal(v, &f); err != nil || f.Content == nil {
			return t, o.fail(key, "a token: a string, or an object with its content", show(v), nil)
		}
		if f.SingleWord {
			return t, o.fail(key+".single_word", "false", "true", nil)
		}
		t.content, t.special = *f.Content, special
		if f.Special != nil && !special {
			t.special = *f.Special
		}
		t.normalized = !t.special
		if f.Normalized != nil {
			t.normalized = *f.Normalized
		}
	}
	if n := len(t.content); n == 0 || n > maxAdded {
		return t, o.fail(key, fmt.Sprintf("a token of 1..%d bytes", maxAdded), fmt.Sprintf("%d", n), nil)
	}
	return t, nil
}

package tokenizer

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
)

// addedToken is a token that is found in texts before they are cut into words.
type addedToken struct {
	content    string
	normalized bool // looked for in the normalized text
	special    bool
}

// roles are the special tokens by the names that the files have for them, in transformers' order.
var roles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// settings are what the small files say.
type settings struct {
	byRole   map[string]addedToken
	extra    []addedToken         // special tokens without a role
	declared map[int32]addedToken // by the numbers that the files give them
	length   int
}

// readSettings reads the files in transformers' order of precedence: special_tokens_map.json and added_tokens.json
// count only where tokenizer_config.json has no added_tokens_decoder, and then the first overrules it.
func readSettings(fsys fs.FS, dir string, whole *object) (*settings, error) {
	end := addedToken{content: "<|endoftext|>", special: true}
	s := &settings{
		byRole: map[string]addedToken{
			"bos_token": {content: "<|startoftext|>", special: true}, "eos_token": end, "unk_token": end, "pad_token": end,
		},
		declared: map[int32]addedToken{},
		length:   77,
	}

	config, err := parseFile(fsys, path.Join(dir, "tokenizer_config.json"))
	if err != nil {
		return nil, err
	}
	complete := false
	if config != nil {
		if complete, err = s.config(config); err != nil {
			return nil, err
		}
	}
	if !complete {
		if err := s.older(fsys, dir, whole); err != nil {
			return nil, err
		}
	}
	// A role takes the flags of the declared token of its name.
	for role, t := range s.byRole {
		for _, d := range s.declared {
			if d.content == t.content {
				d.special = true
				s.byRole[role] = d
			}
		}
	}
	return s, nil
}

// config reads tokenizer_config.json. complete is true if it has all added tokens.
func (s *settings) config(o *object) (complete bool, err error) {
	class := "CLIPTokenizer"
	if _, err := o.get("tokenizer_class", "a string", &class); err != nil {
		return false, err
	}
	if class != "CLIPTokenizer" && class != "CLIPTokenizerFast" {
		return false, o.fail("tokenizer_class", `"CLIPTokenizer" or "CLIPTokenizerFast"`, quote(class), nil)
	}
	for _, key := range []string{"padding_side", "truncation_side"} {
		side := "right"
		if _, err := o.get(key, `"right"`, &side); err != nil {
			return false, err
		}
		if side != "right" {
			return false, o.fail(key, `"right"`, quote(side), nil)
		}
	}
	if err := s.roles(o, false); err != nil {
		return false, err
	}
	var n json.Number // some files have 1e30 for none
	if ok, err := o.get("model_max_length", "a number", &n); err != nil {
		return false, err
	} else if ok {
		x, err := n.Float64()
		if err == nil && x < 1<<30 {
			if x < 3 || x > maxLength || x != float64(int(x)) {
				return false, o.fail("model_max_length", fmt.Sprintf("3..%d", maxLength), n.String(), nil)
			}
			s.length = int(x)
		}
	}
	d, err := o.object("added_tokens_decoder")
	if err != nil || d == nil {
		return false, err
	}
	for _, key := range slices.Sorted(maps.Keys(d.m)) {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 || id >= maxTokens {
			return false, d.fail(quote(key), fmt.Sprintf("a number of 0..%d", maxTokens-1), "", nil)
		}
		t, err := d.token(key, d.m[key], false)
		if err != nil {
			return false, err
		}
		if err := s.declare(d, key, int32(id), t); err != nil {
			return false, err
		}
	}
	return true, nil
}

// older reads the files that tokenizer_config.json replaced, and the added tokens of tokenizer.json.
func (s *settings) older(fsys fs.FS, dir string, whole *object) error {
	o, err := parseFile(fsys, path.Join(dir, "special_tokens_map.json"))
	if err != nil {
		return err
	}
	if o != nil {
		if err := s.roles(o, true); err != nil {
			return err
		}
	}
	if o, err = parseFile(fsys, path.Join(dir, "added_tokens.json")); err != nil {
		return err
	}
	if o != nil {
		for _, key := range slices.Sorted(maps.Keys(o.m)) {
			var id int32
			if _, err := o.get(key, "a number", &id); err != nil {
				return err
			}
			special := s.isSpecial(key)
			if err := s.declare(o, key, id, addedToken{key, !special, special}); err != nil {
				return err
			}
		}
	}
	if whole == nil {
		return nil
	}
	var list []json.RawMessage
	if _, err := whole.get("added_tokens", "an array", &list); err != nil {
		return err
	}
	if len(list) > maxExtra {
		return whole.fail("added_tokens", fmt.Sprintf("at most %d", maxExtra), fmt.Sprint(len(list)), nil)
	}
	for i, v := range list {
		key := fmt.Sprintf("added_tokens[%d]", i)
		t, err := whole.token(key, v, false)
		if err != nil {
			return err
		}
		var n struct{ ID *int32 }
		if err := json.Unmarshal(v, &n); err != nil || n.ID == nil {
			return whole.fail(key, "an id", show(v), nil)
		}
		if err := s.declare(whole, key, *n.ID, t); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) isSpecial(content string) bool {
	for _, t := range s.byRole {
		if t.content == content {
			return true
		}
	}
	return slices.ContainsFunc(s.extra, func(t addedToken) bool { return t.content == content })
}

// declare notes an added token with its number.
func (s *settings) declare(o *object, key string, id int32, t addedToken) error {
	if id < 0 || id >= maxTokens {
		return o.fail(key, fmt.Sprintf("a number of 0..%d", maxTokens-1), fmt.Sprint(id), nil)
	}
	if d, twice := s.declared[id]; twice && d.content != t.content {
		return o.fail(key, "a number of its own", fmt.Sprintf("%d, which is %s's", id, quote(d.content)), nil)
	}
	s.declared[id] = t
	return nil
}

package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// charsmap is SentencePiece's precompiled_charsmap: a double array (Aoe, "An Efficient Digital Search Algorithm by Using
// a Double-Array Structure", 1989, in the form of the library darts-clone) whose values are places in a list of strings
// that end with a zero byte. A node is a place in the array; its children are at node^byte and, if their label is the
// byte, have their own children and value at that place moved by their offset.
type charsmap struct {
	units []uint32
	text  string // the strings
}

func hasLeaf(u uint32) bool  { return u>>8&1 == 1 }
func value(u uint32) uint32  { return u & (1<<31 - 1) }
func label(u uint32) uint32  { return u & (1<<31 | 0xff) }
func offset(u uint32) uint32 { return u >> 10 << (u & (1 << 9) >> 6) }

// lookup finds the string of the shortest key that a text begins with.
func (c *charsmap) lookup(text string) (string, bool) {
	node := offset(c.units[0])
	for i := range len(text) {
		b := uint32(text[i])
		at := node ^ b
		if b == 0 || int(at) >= len(c.units) || label(c.units[at]) != b {
			break
		}
		node = at ^ offset(c.units[at])
		if hasLeaf(c.units[at]) {
			s := c.text[value(c.units[node]):]
			return s[:strings.IndexByte(s, 0)], true
		}
	}
	return "", false
}

// parseCharsmap decodes a map and checks every node that a text may reach.
func parseCharsmap(o *object, encoded string) (*charsmap, error) {
	const key = "precompiled_charsmap"
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, o.fail(key, "base64", "", err)
	}
	if len(data) < 4 {
		return nil, o.fail(key, "the length of an array", fmt.Sprintf("%d bytes", len(data)), nil)
	}
	size := int64(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if size < 4 || size%4 != 0 || size > int64(len(data)) {
		return nil, o.fail(key, fmt.Sprintf("an array of 4..%d bytes", len(data)), fmt.Sprint(size), nil)
	}
	c := &charsmap{units: make([]uint32, size/4), text: string(data[size:])}
	for i := range c.units {
		c.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.ValidString(c.text) {
		return nil, o.fail(key, "strings in UTF-8", "others", nil)
	}
	if n := len(c.text); n > 0 && c.text[n-1] != 0 {
		return nil, o.fail(key, "strings that end with 0", "one without", nil)
	}
	return c, c.check(o, key)
}

// check walks over the array: nodes and values must be within it and its strings.
func (c *charsmap) check(o *object, key string) error {
	visited := make([]bool, len(c.units))
	n := uint32(len(c.units))
	nodes := []uint32{offset(c.units[0])}
	for len(nodes) > 0 {
		node := nodes[len(nodes)-1]
		nodes = nodes[:len(nodes)-1]
		for b := uint32(1); b < 256; b++ {
			at := node ^ b
			if at >= n || label(c.units[at]) != b {
				continue
			}
			to := at ^ offset(c.units[at])
			if to >= n {
				return o.fail(key, fmt.Sprintf("nodes 0..%d", n-1), fmt.Sprint(to), nil)
			}
			if v := value(c.units[to]); hasLeaf(c.units[at]) &&
				(int64(v) >= int64(len(c.text)) || !utf8.RuneStart(c.text[v])) {
				return o.fail(key, fmt.Sprintf("values within the %d bytes of strings", len(c.text)), fmt.Sprint(v), nil)
			}
			if hasLeaf(c.units[at]) && strings.IndexByte(c.text[value(c.units[to]):], 0) > maxMapped {
				return o.fail(key, fmt.Sprintf("strings of at most %d bytes", maxMapped), "a longer one", nil)
			}
			if !visited[to] {
				visited[to] = true
				nodes = append(nodes, to)
			}
		}
	}
	return nil
}

package tokenizer

// matcher finds added tokens in a text: the leftmost, the longest of several, as tokenizers' AddedVocabulary does.
type matcher struct {
	starts [256]bool // the bytes that a token starts with
	nodes  []node    // a trie; node 0 is its root
}

// node is a byte of a token.
type node struct {
	next map[byte]int32
	id   int32 // of the token that ends here, -1 for none
}

func (m *matcher) add(token string, id int32) {
	if token == "" {
		return
	}
	if m.nodes == nil {
		m.nodes = []node{{id: -1}}
	}
	m.starts[token[0]] = true
	at := int32(0)
	for i := range len(token) {
		to, ok := m.nodes[at].next[token[i]]
		if !ok {
			to = int32(len(m.nodes))
			m.nodes = append(m.nodes, node{id: -1})
			if m.nodes[at].next == nil {
				m.nodes[at].next = map[byte]int32{}
			}
			m.nodes[at].next[token[i]] = to
		}
		at = to
	}
	if m.nodes[at].id < 0 { // of two that are the same in lower case, the first
		m.nodes[at].id = id
	}
}

// next finds the first token: where it starts, its bytes and its number. Without one, at is the end and size 0. Tokens
// have at most maxAdded bytes, so a text of n bytes takes at most n*maxAdded steps.
func (m *matcher) next(text string) (at, size int, id int32) {
	for i := range len(text) {
		if !m.starts[text[i]] {
			continue
		}
		node := int32(0)
		for j := i; j < len(text); j++ {
			to, ok := m.nodes[node].next[text[j]]
			if !ok {
				break
			}
			node = to
			if m.nodes[node].id >= 0 {
				size, id = j+1-i, m.nodes[node].id
			}
		}
		if size > 0 {
			return i, size, id
		}
	}
	return len(text), 0, 0
}

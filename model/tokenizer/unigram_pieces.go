package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// unknownPenalty is how much worse than the worst piece an unknown character is (tokenizers, models/unigram/model.rs).
const unknownPenalty = 10.0

// pieces is a vocabulary with scores, as a trie.
type pieces struct {
	ids     map[string]int32 // vocabulary and added tokens
	scores  []float64        // of the vocabulary
	next    map[uint64]int32 // by node and byte; node 0 is the root
	ends    map[int32]int32  // the piece that ends at a node
	bytes   [256]int32       // of byte fallback, -1 if there is none
	unknown int32            // the number of unknown pieces
	penalty float64          // the score of one
	vocab   map[string]int32 // ids without added tokens
}

func edge(node int32, b byte) uint64 { return uint64(uint32(node))<<8 | uint64(b) }

// add appends a piece to the vocabulary; of two that are the same the later holds.
func (p *pieces) add(piece string, score float64) {
	id := int32(len(p.scores))
	p.scores = append(p.scores, score)
	p.ids[piece], p.vocab[piece] = id, id
	if piece == "" {
		return
	}
	at := int32(0)
	for i := range len(piece) {
		to, ok := p.next[edge(at, piece[i])]
		if !ok {
			to = int32(len(p.next)) + 1
			p.next[edge(at, piece[i])] = to
		}
		at = to
	}
	p.ends[at] = id
}

// finish prepares the vocabulary for use.
func (p *pieces) finish() {
	worst := 0.0
	for i, s := range p.scores {
		if i == 0 || s < worst {
			worst = s
		}
	}
	p.penalty = worst - unknownPenalty
	for b := range p.bytes {
		id, ok := p.vocab[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id = -1
		}
		p.bytes[b] = id
	}
}

// step is the best way to a position of a word: the sum of its scores, and its last piece.
type step struct {
	score float64
	from  int32 // where the last piece starts, -1 for no way
	id    int32
}

// tokens appends those of a word. Viterbi's algorithm over the positions in order, where of two ways of the same score
// the first found stays; pieces have at most maxPiece bytes, so a word of n bytes takes at most n*maxPiece steps.
func (p *pieces) tokens(out []int32, word string, fallback bool) []int32 {
	path := p.best(word)
	var spans [][2]int32
	for end := int32(len(word)); end > 0; {
		from := path[end].from
		if n := len(spans); path[end].id == p.unknown && n > 0 && path[spans[n-1][1]].id == p.unknown {
			spans[n-1][0] = from // neighbouring unknown characters are one piece
		} else {
			spans = append(spans, [2]int32{from, end})
		}
		end = from
	}
	for i := len(spans) - 1; i >= 0; i-- {
		out = p.piece(out, word[spans[i][0]:spans[i][1]], fallback)
	}
	return out
}

// best finds the best way to every position.
func (p *pieces) best(word string) []step {
	path := make([]step, len(word)+1)
	for i := range path {
		path[i].from = -1
	}
	offer := func(from, to int, id int32, score float64) {
		if s := &path[to]; s.from < 0 || score > s.score {
			*s = step{score, int32(from), id}
		}
	}
	for at := 0; at < len(word); {
		_, size := utf8.DecodeRuneInString(word[at:])
		single := false // a piece of one character
		node := int32(0)
		for end := at; end < len(word); end++ {
			to, ok := p.next[edge(node, word[end])]
			if !ok {
				break
			}
			node = to
			if id, ok := p.ends[node]; ok {
				offer(at, end+1, id, p.scores[id]+path[at].score)
				single = single || end+1-at == size
			}
		}
		if !single {
			offer(at, at+size, p.unknown, p.penalty+path[at].score)
		}
		at += size
	}
	return path
}

// piece appends the tokens of a piece: its own, or else those of its bytes if all have one, or else the unknown one.
func (p *pieces) piece(out []int32, piece string, fallback bool) []int32 {
	if id, ok := p.vocab[piece]; ok {
		return append(out, id)
	}
	if fallback {
		n := len(out)
		for i := range len(piece) {
			id := p.bytes[piece[i]]
			if id < 0 {
				return append(out[:n], p.unknown)
			}
			out = append(out, id)
		}
		return out
	}
	return append(out, p.unknown)
}

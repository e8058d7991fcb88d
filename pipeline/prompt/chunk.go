package prompt

// Tokenizer makes tokens of a text, as model/tokenizer's CLIP does.
type Tokenizer interface {
	Tokens(text string) []int32          // without start and end
	Frame(tokens []int32) []int32        // start, at most Length-2 tokens, end, padding: Length tokens
	Length() int                         // of a framed text, 77 for CLIP
	ID(token string) (id int32, ok bool) // of a token as the vocabulary spells it
}

// Chunk is a part of a prompt as a text encoder takes it.
type Chunk struct {
	Tokens  []int32   // [Length]: start, text, end, padding
	Weights []float32 // [Length]; 1 for what is not of the text
}

const (
	// Backtrack is how many tokens a comma may be from the end of a full chunk, the comma counted, for what
	// follows it to go to the next chunk.
	Backtrack = 20
	// MaxChunks bounds the chunks of a prompt.
	MaxChunks = 32
)

// comma is the token of a comma as CLIP's vocabulary spells it.
const comma = ",</w>"

// Cut makes chunks of Length tokens of the pieces of a prompt, as A1111's modules/sd_hijack_clip.py,
// tokenize_line, does: a chunk holds Length-2 tokens of the text; where one is full and its last comma
// is among the last [Backtrack], the tokens after it go to the next chunk; a Break begins a new chunk. There is at least one
// chunk. More than [MaxChunks] are an *[Error].
func Cut(t Tokenizer, pieces []Piece) ([]Chunk, error) {
	c := cutter{tokenizer: t, most: t.Length() - 2, last: -1}
	if c.most < 1 {
		return nil, errorAt(-1, "chunks of %d tokens have no room for a text", t.Length())
	}
	id, hasComma := t.ID(comma)
	for _, p := range pieces {
		if p.Break {
			if len(c.chunks) == MaxChunks {
				return nil, c.tooLong()
			}
			c.emit(len(c.tokens))
			continue
		}
		for _, token := range t.Tokens(p.Text) {
			isComma := hasComma && token == id
			if len(c.tokens) == c.most {
				// A comma that does not fit begins the next chunk, and is no place to go back to.
				if !isComma && c.last >= 0 && c.most-c.last <= Backtrack {
					c.emit(c.last + 1)
				} else {
					c.emit(c.most)
				}
			}
			if len(c.chunks) == MaxChunks {
				return nil, c.tooLong()
			}
			if isComma {
				c.last = len(c.tokens)
			}
			c.tokens = append(c.tokens, token)
			c.weights = append(c.weights, float32(p.Weight))
		}
	}
	if len(c.tokens) > 0 || len(c.chunks) == 0 {
		c.emit(len(c.tokens))
	}
	return c.chunks, nil
}

// cutter is the state of Cut.
type cutter struct {
	tokenizer Tokenizer
	most      int
	chunks    []Chunk
	tokens    []int32 // of the chunk that is filled
	weights   []float32
	last      int // comma among them, -1 for none
}

func (c *cutter) tooLong() error {
	return errorAt(-1, "more than %d chunks of %d tokens", MaxChunks, c.most)
}

// emit makes a chunk of the first n tokens and leaves the others for the next.
func (c *cutter) emit(n int) {
	c.chunks = append(c.chunks, frame(c.tokenizer, c.tokens[:n], c.weights[:n]))
	c.tokens = append([]int32(nil), c.tokens[n:]...)
	c.weights = append([]float32(nil), c.weights[n:]...)
	c.last = -1
}

func frame(t Tokenizer, tokens []int32, weights []float32) Chunk {
	k := Chunk{Tokens: t.Frame(tokens)}
	k.Weights = make([]float32, len(k.Tokens))
	for i := range k.Weights {
		k.Weights[i] = 1
	}
	copy(k.Weights[1:], weights)
	return k
}

// Pad appends chunks of the empty text up to n: two prompts of one batch have the same number.
func Pad(t Tokenizer, chunks []Chunk, n int) []Chunk {
	for len(chunks) < n {
		chunks = append(chunks, frame(t, nil, nil))
	}
	return chunks
}

package lower

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// Texts. The table of a vocabulary is as large as many layers and a text reads a few of
// its rows: it stays with the host, which uploads the tokens' features in the place of
// their numbers.

// tokens makes the place of the embedded tokens.
func (c *compiler) tokens(in model.Input) error {
	if len(c.users[in.Tensor]) == 1 {
		if o, ok := c.g.Ops[c.users[in.Tensor][0]].(model.TokenEmbedding); ok {
			b := c.input(Input{Kind: in.Kind, Length: c.shapes[o.Y].Len(), Type: InputActivation, Tokens: &o}, c.Type.Size())
			c.views[o.Y].buffer = b
			return nil
		}
	}
	return errorf("input", in.Kind.String(), "is read by other than one embedding: not supported on a GPU")
}

// embedded checks that the tokens of an embedding are an input, which [compiler.tokens] saw.
func (c *compiler) embedded(o model.TokenEmbedding) error {
	if c.views[o.Y].buffer < 0 {
		return errorf(o.Kind(), o.Name, "the tokens are no input")
	}
	return nil
}

// Embed writes the features of a text's tokens to dst, [T, D]. A token outside the
// vocabulary is a [*model.InputError].
func (in Input) Embed(values *model.Weights, ids []int64, dst []float32) error {
	o := in.Tokens
	if len(ids)*o.Dim != len(dst) {
		return &model.InputError{Input: in.Kind.String(), Detail: fmt.Sprintf("has %d tokens, wanted %d", len(ids), len(dst)/o.Dim)}
	}
	table := values.Param(o.Table)
	var positions []float32
	if o.Positions != model.NoParam {
		positions = values.Param(o.Positions)
	}
	for t, id := range ids {
		if id < 0 || id >= int64(o.Rows) {
			return &model.InputError{Input: in.Kind.String(), Detail: fmt.Sprintf("token %d of the text is %d, not within 0..%d", t, id, o.Rows-1)}
		}
		y := dst[t*o.Dim:][:o.Dim]
		copy(y, table[int(id)*o.Dim:])
		if positions != nil {
			for d, p := range positions[t*o.Dim:][:o.Dim] {
				y[d] += p
			}
		}
	}
	return nil
}

func (c *compiler) selectToken(o model.SelectToken, i int) error {
	x, y, index := c.read(o.X), c.write(o.Y), Ref{Region: Arena, Index: c.views[o.Index].buffer}
	if c.views[o.Index].buffer < 0 {
		return errorf(o.Kind(), o.Name, "the index is no input")
	}
	return c.kernel(o.Name, i, []Ref{c.ref(x), index}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Select{Type: kernelType(c.Type), Images: c.Rows, Pixels: x.shape.H * x.shape.W, Channels: x.shape.C,
			Index: at(index), X: c.tensor(x, at), Y: c.tensor(y, at)}
	})
}

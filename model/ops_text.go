package model

// The operations of text encoders. A text of T tokens of D features is [N, D, T, 1], as
// in transformer blocks; its tokens as numbers are [N, 1, T, 1].

// TokenEmbedding looks tokens up in a table and adds what their positions have in
// another: y[n,d,t] = table[ids[n,t],d] + positions[t,d]. A token outside the table is an
// [InputError] of the run, more tokens than positions are a [ShapeError].
type TokenEmbedding struct {
	Base
	IDs       TensorID // [N, T], Int64
	Table     ParamID  // [Rows, Dim]
	Positions ParamID  // [Tokens, Dim]
	Rows, Dim int
	Tokens    int // the longest text
}

// SelectToken takes one token of every text: y[n,d] = x[n,d,index[n]]. An index outside
// the text is an [InputError] of the run.
type SelectToken struct {
	Base
	X     TensorID // [N, D, T, 1]
	Index TensorID // [N], Int64
}

// Kind implements [Op].
func (TokenEmbedding) Kind() string { return "TokenEmbedding" }

// Kind implements [Op].
func (SelectToken) Kind() string { return "SelectToken" }

// Reads implements [Op].
func (o TokenEmbedding) Reads() []TensorID { return []TensorID{o.IDs} }

// Reads implements [Op].
func (o SelectToken) Reads() []TensorID { return []TensorID{o.X, o.Index} }

func (o TokenEmbedding) params() []paramUse {
	return []paramUse{{o.Table, []int{o.Rows, o.Dim}}, {o.Positions, []int{o.Tokens, o.Dim}}}
}

func (o TokenEmbedding) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.IDs)
	if x.C != 1 || x.W != 1 || x.H > o.Tokens {
		return Shape{}, opShapeError(o, "tokens are %v, wanted 1..%d of them", x, o.Tokens)
	}
	return Shape{o.Dim, x.H, 1}, nil
}

func (o SelectToken) infer(in func(TensorID) Shape) (Shape, error) {
	x, i := in(o.X), in(o.Index)
	if x.W != 1 || i.Len() != 1 {
		return Shape{}, opShapeError(o, "operand %v and index %v, wanted a width of 1 and "+
			"one number a row", x, i)
	}
	return Shape{x.C, 1, 1}, nil
}

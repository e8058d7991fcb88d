package model

// The operations of T5's encoder. A text of T tokens of D features is [N, D, T, 1], as in
// the operations of CLIP.

// T5Embedding looks tokens up in a table: y[n,d,t] = table[ids[n,t],d]. A token outside
// the table is an [InputError] of the run.
type T5Embedding struct {
	Base
	IDs       TensorID // [N, T], Int64
	Table     ParamID  // [Rows, Dim]
	Rows, Dim int
}

// T5Norm divides every pixel by the root of the mean square of its channels,
//
//	y = x / sqrt(mean(x^2) + eps) * gamma[c]
//
// without a mean or a shift (Zhang and Sennrich, "Root Mean Square Layer Normalization",
// 2019, arXiv:1910.07467, eq. 4; transformers' T5LayerNorm).
type T5Norm struct {
	Base
	X        TensorID
	Gamma    ParamID // [C]
	Channels int
	Eps      float32
}

// T5Gate is y = gelu(a) * b with the GELU that has a tanh in place of the error function
// (Shazeer, "GLU Variants Improve Transformer", 2020, arXiv:2002.05202; transformers'
// T5DenseGatedActDense with "gelu_new").
type T5Gate struct {
	Base
	A, B TensorID
}

// T5Attention is multi-head attention of a text to itself whose scores are not scaled, but
// have a number added that depends on the head and on how far the key is from the query,
//
//	y = v * softmax(k^T q + b)^T        per head of d = C/Heads channels
//	b[j,i] = bias[bucket(j - i), head]  for key j and query i
//
// (Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
// Transformer", 2020, arXiv:1910.10683, section 2.1; transformers' T5Attention). Keys
// behind the token Last of the text are not attended to. An index outside the text is an
// [InputError] of the run.
type T5Attention struct {
	Base
	Q, K, V  TensorID // [N, C, T, 1]
	Last     TensorID // [N], Int64
	Bias     ParamID  // [Buckets, Heads]
	Heads    int
	Buckets  int // even, at least 4
	Distance int // of the last bucket and beyond, more than Buckets/4
}

// Kind implements [Op].
func (T5Embedding) Kind() string { return "T5Embedding" }

// Kind implements [Op].
func (T5Norm) Kind() string { return "T5Norm" }

// Kind implements [Op].
func (T5Gate) Kind() string { return "T5Gate" }

// Kind implements [Op].
func (T5Attention) Kind() string { return "T5Attention" }

// Reads implements [Op].
func (o T5Embedding) Reads() []TensorID { return []TensorID{o.IDs} }

// Reads implements [Op].
func (o T5Norm) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o T5Gate) Reads() []TensorID { return []TensorID{o.A, o.B} }

// Reads implements [Op].
func (o T5Attention) Reads() []TensorID { return []TensorID{o.Q, o.K, o.V, o.Last} }

func (o T5Embedding) params() []paramUse { return []paramUse{{o.Table, []int{o.Rows, o.Dim}}} }

func (o T5Norm) params() []paramUse { return []paramUse{{o.Gamma, []int{o.Channels}}} }

func (o T5Attention) params() []paramUse { return []paramUse{{o.Bias, []int{o.Buckets, o.Heads}}} }

// A pixel's result needs a sum that is taken before and that pixel.
func (o T5Norm) inPlace() TensorID { return o.X }

func (o T5Gate) inPlace() TensorID { return o.A }

func (o T5Embedding) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.IDs)
	if x.C != 1 || x.W != 1 {
		return Shape{}, opShapeError(o, "tokens are %v, wanted one number a token", x)
	}
	return Shape{o.Dim, x.H, 1}, nil
}

func (o T5Norm) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.C != o.Channels {
		return Shape{}, opShapeError(o, "operand %v, wanted %d channels", x, o.Channels)
	}
	return x, nil
}

func (o T5Gate) infer(in func(TensorID) Shape) (Shape, error) {
	a, b := in(o.A), in(o.B)
	if a != b {
		return Shape{}, opShapeError(o, "operands %v and %v differ", a, b)
	}
	return a, nil
}

func (o T5Attention) infer(in func(TensorID) Shape) (Shape, error) {
	q, k, v, last := in(o.Q), in(o.K), in(o.V), in(o.Last)
	if q != k || k != v || q.W != 1 || o.Heads < 1 || q.C%o.Heads != 0 {
		return Shape{}, opShapeError(o, "q %v, k %v, v %v with %d heads", q, k, v, o.Heads)
	}
	if last.Len() != 1 {
		return Shape{}, opShapeError(o, "the last token is %v, wanted one number a row", last)
	}
	if o.Buckets < 4 || o.Buckets%2 != 0 || o.Distance <= o.Buckets/4 {
		return Shape{}, opShapeError(o, "%d buckets up to a distance of %d", o.Buckets, o.Distance)
	}
	return q, nil
}

// checkT5Type refuses operands of a type that an operation of T5 does not take.
func checkT5Type(who string, op Op, id TensorID, t ValType) error {
	integer := false
	switch o := op.(type) {
	case T5Embedding:
		integer = true
	case T5Attention:
		if o.Last == o.Q || o.Last == o.K || o.Last == o.V {
			return &GraphError{who, "reads features as an index"}
		}
		integer = id == o.Last
	}
	switch {
	case integer && t != Int64:
		return &GraphError{who, "reads tokens or an index that are not Int64"}
	case !integer && t != Float32:
		return &GraphError{who, "reads integers"}
	}
	return nil
}

// checkT5 refuses integers that are no row of the table or no token of their text.
func (e *Executor) checkT5(op Op) error {
	switch o := op.(type) {
	case T5Embedding:
		for i, t := range e.ints[o.IDs] {
			if t < 0 || t >= int64(o.Rows) {
				return inputErrorf("TokenIDs", "element %d is %d, wanted 0..%d", i, t, o.Rows-1)
			}
		}
	case T5Attention:
		for i, t := range e.ints[o.Last] {
			if last := e.shapes[o.K].H - 1; t < 0 || t > int64(last) {
				return inputErrorf("TokenIndex", "row %d is token %d, wanted 0..%d", i, t, last)
			}
		}
	}
	return nil
}

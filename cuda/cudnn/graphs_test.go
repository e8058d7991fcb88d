package cudnn

// The graphs of the tests: those of a latent diffusion network of 320 channels on 64x64 latents.

// drawing makes the tensors of one graph.
type drawing struct{ last int64 }

func (d *drawing) tensor(name string, kind DType, dims, strides []int64) *Tensor {
	d.last++
	return &Tensor{ID: d.last, Name: name, Type: kind, Dims: dims, Strides: strides}
}

// image is [N, C, H, W] in channels-last memory.
func (d *drawing) image(name string, kind DType, n, c, h, w int64) *Tensor {
	return d.tensor(name, kind, []int64{n, c, h, w}, []int64{c * h * w, 1, c * w, c})
}

// matrix is [batch, rows, columns].
func (d *drawing) matrix(name string, kind DType, b, m, n int64) *Tensor {
	return d.tensor(name, kind, []int64{b, m, n}, []int64{m * n, n, 1})
}

// transposed is a matrix whose memory holds columns one after another.
func (d *drawing) transposed(name string, kind DType, b, m, n int64) *Tensor {
	return d.tensor(name, kind, []int64{b, m, n}, []int64{m * n, 1, m})
}

func (d *drawing) scalar(name string, v float32) *Tensor {
	x := d.tensor(name, Float32, []int64{1, 1, 1, 1}, []int64{1, 1, 1, 1})
	x.Scalar, x.Value = true, v
	return x
}

func virtual(x *Tensor) *Tensor {
	x.Virtual = true
	return x
}

// convGraph is a convolution with zeros that keep the size at step 1.
func convGraph(kind DType, n, c, k, size, filter, step int64) *Graph {
	var d drawing
	pad := filter / 2
	return &Graph{Name: "conv", Ops: []Op{Conv{X: d.image("x", kind, n, c, size, size), W: d.image("w", kind, k, c, filter, filter),
		Y: d.image("y", kind, n, k, size/step, size/step), Pre: [2]int64{pad, pad}, Post: [2]int64{pad, pad},
		Stride: [2]int64{step, step}}}}
}

// convBias is a convolution, a bias, a residual if asked for, and a function.
func convBias(kind, between DType, residual bool, f PointwiseMode) *Graph {
	const n, c, size = 2, 320, 64
	g := convGraph(kind, n, c, c, size, 3, 1)
	d := drawing{last: 10}
	mid := func(name string) *Tensor { return virtual(d.image(name, between, n, c, size, size)) }
	conv := g.Ops[0].(Conv)
	y := conv.Y
	conv.Y = mid("t")
	sum := mid("u")
	g.Name = "conv with bias"
	g.Ops = []Op{conv, Pointwise{Mode: PointwiseAdd, X: conv.Y, B: d.image("bias", kind, 1, c, 1, 1), Y: sum}}
	if residual {
		more := mid("v")
		g.Ops = append(g.Ops, Pointwise{Mode: PointwiseAdd, X: sum, B: d.image("residual", kind, n, c, size, size), Y: more})
		sum = more
	}
	g.Ops = append(g.Ops, Pointwise{Mode: f, X: sum, Y: y})
	return g
}

func matmulGraph(kind DType, b, m, k, n int64) *Graph {
	var d drawing
	return &Graph{Name: "matmul", Ops: []Op{Matmul{A: d.matrix("a", kind, b, m, k), B: d.transposed("b", kind, b, k, n),
		C: d.matrix("c", kind, b, m, n)}}}
}

func matmulGELU() *Graph {
	g := matmulGraph(Float16, 1, 4096, 320, 1280)
	d := drawing{last: 10}
	m := g.Ops[0].(Matmul)
	c := m.C
	m.C = virtual(d.matrix("t", Float32, 1, 4096, 1280))
	u := virtual(d.matrix("u", Float32, 1, 4096, 1280))
	g.Name = "matmul with GELU"
	g.Ops = []Op{m, Pointwise{Mode: PointwiseAdd, X: m.C, B: d.matrix("bias", Float16, 1, 1, 1280), Y: u},
		Pointwise{Mode: PointwiseGELU, X: u, Y: c}}
	return g
}

// sdpaGraph is attention over [batch, heads, tokens, dim], tokens before heads in memory.
func sdpaGraph(kind DType, heads, tokens, keys, dim int64) *Graph {
	var d drawing
	head := func(name string, n int64) *Tensor {
		return d.tensor(name, kind, []int64{2, heads, n, dim}, []int64{n * heads * dim, dim, heads * dim, 1})
	}
	return &Graph{Name: "attention", Ops: []Op{SDPA{Q: head("q", tokens), K: head("k", keys), V: head("v", keys),
		O: head("o", tokens), Scale: d.scalar("scale", 0.125)}}}
}

// layerNormGraph normalises rows of n.
func layerNormGraph(rows, n int64) *Graph {
	var d drawing
	wide := func(name string, kind DType, rows int64) *Tensor {
		return d.tensor(name, kind, []int64{rows, n, 1, 1}, []int64{n, 1, n, n})
	}
	return &Graph{Name: "layer norm", Ops: []Op{LayerNorm{X: wide("x", Float16, rows), Scale: wide("scale", Float32, 1),
		Bias: wide("bias", Float32, 1), Epsilon: d.scalar("epsilon", 1e-5), Y: wide("y", Float16, rows)}}}
}

// addSiLU is a bias and a function without a convolution.
func addSiLU() *Graph {
	var d drawing
	x, bias := d.image("x", Float16, 2, 320, 64, 64), d.image("bias", Float16, 1, 320, 1, 1)
	t := virtual(d.image("t", Float32, 2, 320, 64, 64))
	return &Graph{Name: "bias and SiLU", Ops: []Op{Pointwise{Mode: PointwiseAdd, X: x, B: bias, Y: t},
		Pointwise{Mode: PointwiseSiLU, X: t, Y: d.image("y", Float16, 2, 320, 64, 64)}}}
}

// resampleGraph makes images of twice or half the size.
func resampleGraph(mode ResampleMode, kind DType, n, c, size, by int64) *Graph {
	var d drawing
	to := size * by
	if mode == ResampleAverage {
		to = size / by
	}
	return &Graph{Name: "resample", Ops: []Op{Resample{Mode: mode, X: d.image("x", kind, n, c, size, size),
		Y: d.image("y", kind, n, c, to, to), Window: [2]int64{by, by}}}}
}

// reductionGraph sums the pixels of images.
func reductionGraph() *Graph {
	var d drawing
	return &Graph{Name: "sum", Ops: []Op{Reduction{Mode: ReduceAdd, X: d.image("x", Float16, 2, 320, 64, 64),
		Y: d.image("y", Float32, 2, 320, 1, 1)}}}
}

// matmulMax is the largest of each row of a product.
func matmulMax() *Graph {
	g := matmulGraph(Float16, 1, 4096, 320, 1280)
	m := g.Ops[0].(Matmul)
	d := drawing{last: 10}
	m.C = virtual(d.matrix("t", Float32, 1, 4096, 1280))
	g.Name = "matmul, max"
	g.Ops = []Op{m, Reduction{Mode: ReduceMax, X: m.C, Y: d.matrix("y", Float32, 1, 4096, 1)}}
	return g
}

// attentionByParts is attention without its own operation: matmul, softmax and matmul in one graph.
func attentionByParts() *Graph {
	const n, tokens, dim = 16, 4096, 64
	var d drawing
	mid := func(name string, n2 int64) *Tensor { return virtual(d.matrix(name, Float32, n, tokens, n2)) }
	scores, largest := mid("scores", tokens), mid("largest", 1)
	p := virtual(d.matrix("p", Float16, n, tokens, tokens))
	return &Graph{Name: "attention by parts", Ops: []Op{
		Matmul{A: d.matrix("q", Float16, n, tokens, dim), B: d.transposed("k", Float16, n, dim, tokens), C: scores},
		Reduction{Mode: ReduceMax, X: scores, Y: largest},
		Pointwise{Mode: PointwiseMul, X: scores, B: largest, Y: p},
		Matmul{A: p, B: d.matrix("v", Float16, n, tokens, dim), C: d.matrix("o", Float16, n, tokens, dim)},
	}}
}

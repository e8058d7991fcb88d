package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// emitChain makes the step of a product and what follows it.
func (c *compiler) emitChain(ch *chain) error {
	head := c.g.Ops[ch.head]
	if _, ok := asProduct(head); ok {
		return c.emitMatmul(ch)
	}
	return c.emitConv(ch, head.(model.Conv2D))
}

// emitConv makes the step of a convolution.
func (c *compiler) emitConv(ch *chain, o model.Conv2D) error {
	f, s, y := c.newFusion(), o.Shape, c.write(c.g.Ops[ch.last].Writes())
	x := c.read(o.X)
	in, out := int64(s.InC), int64(s.OutC)
	kernel := c.plain(o.Weight)
	kernel.shape = s
	w := c.weight(o.Name+".weight", c.Type, kernel)
	wt := f.stored("weight", w, c.Type, []int64{out, in, int64(s.KH), int64(s.KW)},
		[]int64{in * int64(s.KH*s.KW), 1, in * int64(s.KW), in})
	xt, yt := f.image("x", x), f.image("y", y)
	f.read(c.ref(x), w)
	f.write(c.ref(y))
	var terms []*cudnn.Tensor
	if o.Bias != model.NoParam {
		b := c.weight(o.Name+".bias", c.Type, c.plain(o.Bias))
		terms = append(terms, f.stored("bias", b, c.Type, []int64{1, out, 1, 1}, []int64{out, 1, out, out}))
		f.read(b)
	}
	if ch.residual != model.NoTensor {
		z := c.read(ch.residual)
		terms = append(terms, f.image("residual", z))
		f.read(c.ref(z))
	}
	product := yt
	if len(terms) > 0 || ch.act != model.Identity {
		product = f.virtual("product", yt)
	}
	f.ops = append(f.ops, cudnn.Conv{X: xt, W: wt, Y: product, Pre: [2]int64{int64(s.PadT), int64(s.PadL)},
		Post: [2]int64{int64(s.PadB), int64(s.PadR)}, Stride: [2]int64{int64(s.Stride), int64(s.Stride)}})
	f.epilogue(product, terms, ch.act, yt)
	work := 2 * int64(c.pixels(y)) * out * in * int64(s.KH*s.KW)
	f.step(o.Name, work, ch.layers...)
	return nil
}

// emitMatmul makes the step of a matrix product over vectors or pixels.
func (c *compiler) emitMatmul(ch *chain) error {
	head := c.g.Ops[ch.head]
	p, _ := asProduct(head)
	w := c.weight(head.Label()+".weight", c.Type, c.plain(p.weight))
	f, y := c.newFusion(), c.write(c.g.Ops[ch.last].Writes())
	var bias *cudnn.Tensor
	if p.bias != model.NoParam {
		bias = f.biasRow(c.weight(head.Label()+".bias", c.Type, c.plain(p.bias)), p.out)
	}
	var terms []*cudnn.Tensor
	if bias != nil {
		terms = append(terms, bias)
	}
	if ch.residual != model.NoTensor {
		z := c.read(ch.residual)
		terms = append(terms, f.rows("residual", z))
		f.read(c.ref(z))
	}
	f.matmul(c.read(p.x), w, y, terms, ch.act)
	f.step(head.Label(), 2*int64(c.pixels(y))*int64(p.in)*int64(p.out), ch.layers...)
	return nil
}

// pixelwise says whether matrix products are given to cuDNN as 1x1 convolutions: in
// float32 it multiplies matrices on tensor cores alone, which round operands to TF32
// (10 bits), but it has engines of convolutions that do not.
func (c *compiler) pixelwise() bool { return c.Type == cudnn.Float32 }

// biasRow is a vector added to every row of a matrix.
func (f *fusion) biasRow(at Ref, n int) *cudnn.Tensor {
	f.read(at)
	if f.c.pixelwise() {
		return f.stored("bias", at, f.c.Type, []int64{1, int64(n), 1, 1}, []int64{int64(n), 1, int64(n), int64(n)})
	}
	return f.stored("bias", at, f.c.Type, []int64{1, 1, int64(n)}, []int64{int64(n), int64(n), 1})
}

// matmul appends y = act(x W^T + terms), with W [out, in] as files have it.
func (f *fusion) matmul(x view, w Ref, y view, terms []*cudnn.Tensor, act model.Activation) {
	in, out := int64(x.shape.C), int64(y.shape.C)
	xt, yt := f.rows("x", x), f.rows("y", y)
	product := yt
	if len(terms) > 0 || act != model.Identity {
		product = f.virtual("product", yt)
	}
	if f.c.pixelwise() {
		wt := f.stored("weight", w, f.c.Type, []int64{out, in, 1, 1}, []int64{in, 1, in, in})
		f.ops = append(f.ops, cudnn.Conv{X: xt, W: wt, Y: product, Stride: [2]int64{1, 1}})
	} else {
		wt := f.stored("weight", w, f.c.Type, []int64{1, in, out}, []int64{in * out, 1, in})
		f.ops = append(f.ops, cudnn.Matmul{A: xt, B: wt, C: product})
	}
	f.epilogue(product, terms, act, yt)
	f.read(f.c.ref(x), w)
	f.write(f.c.ref(y))
}

// emitSiblings makes the one step of layers that read the same tensor.
func (c *compiler) emitSiblings(s *siblings) error {
	if s.emitted {
		return nil
	}
	s.emitted = true
	var weights, biases []part
	var x model.TensorID
	anyBias := false
	for _, i := range s.ops {
		p, _ := asProduct(c.g.Ops[i])
		x = p.x
		weights = append(weights, c.plain(p.weight))
		biases = append(biases, c.bias(p.bias, p.out))
		anyBias = anyBias || p.bias != model.NoParam
	}
	name, from := s.name(c), c.read(x)
	to := view{buffer: s.buffer, stride: s.width, shape: from.shape}
	to.shape.C = s.width
	f := c.newFusion()
	w := c.weight(name+" weight", c.Type, weights...)
	var terms []*cudnn.Tensor
	if anyBias {
		terms = append(terms, f.biasRow(c.weight(name+" bias", c.Type, biases...), s.width))
	}
	f.matmul(from, w, to, terms, model.Identity)
	f.step(name, 2*int64(c.pixels(to))*int64(from.shape.C)*int64(s.width), s.ops...)
	return nil
}

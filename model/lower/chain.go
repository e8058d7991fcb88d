package lower

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
)

// chain is a convolution or matrix product with what follows it and is computed with
// it, in this order:
//
//	y = act(product + bias + residual)
type chain struct {
	head     int            // the product
	last     int            // the operation whose result the chain writes
	residual model.TensorID // of the result's shape, or NoTensor
	act      model.Activation
	layers   []int
}

// findChains follows every product to the operations that it takes with it. A result
// that several operations read ends its chain, since it has to be in memory.
//
// What cuDNN computes right decides what a chain may have (TestGraphsOnTheDevice). A vector of the
// row, as the time embedding is, is not for it: its engines read only the first row's right (9.14
// and 9.19 on an H200). In float32 its engines of full precision take the bias alone (9.14), or lose
// a residual that is not laid out as the result is (9.19).
func (c *compiler) findChains() {
	taken := map[int]bool{} // by an earlier chain
	for i, op := range c.g.Ops {
		switch op.(type) {
		case model.Conv2D, model.Linear:
		default:
			continue
		}
		ch := &chain{head: i, last: i, residual: model.NoTensor, layers: []int{i}}
		for ch.extend(c, taken) {
		}
		c.chains[ch.last] = ch
		for _, m := range ch.layers {
			taken[m] = true
			c.inside[m] = m != ch.last
		}
	}
}

// extend takes the next operation, if it can be computed with the chain.
func (ch *chain) extend(c *compiler, taken map[int]bool) bool {
	y := c.g.Ops[ch.last].Writes()
	next, ok := c.only(y)
	if !ok || taken[next] || ch.act != model.Identity || c.pixelwise() {
		return false
	}
	switch o := c.g.Ops[next].(type) {
	case model.Add:
		if _, scaled := c.scaled[next]; scaled || o.Div != 1 || ch.residual != model.NoTensor {
			return false
		}
		ch.residual = o.B
		if o.B == y {
			ch.residual = o.A
		}
	case model.Act:
		switch o.Fn {
		case model.SiLU, model.GELU, model.ReLU:
			ch.act = o.Fn
		default:
			return false
		}
	default:
		return false
	}
	ch.last = next
	ch.layers = append(ch.layers, next)
	return true
}

// siblings are layers that read the same tensor and are one product.
type siblings struct {
	ops     []int
	width   int // channels of all results
	buffer  int
	emitted bool
}

func (s *siblings) name(c *compiler) string {
	first := c.g.Ops[s.ops[0]].Label()
	if len(s.ops) == 1 {
		return first
	}
	return first + " and those beside it"
}

// findSiblings groups products of vectors or pixels that read the same tensor. Each
// must be alone in its chain.
func (c *compiler) findSiblings() {
	groups := map[model.TensorID]*siblings{}
	var order []model.TensorID
	for i, op := range c.g.Ops {
		ch := c.chains[i]
		p, ok := asProduct(op)
		if !ok || ch == nil || len(ch.layers) != 1 || !c.aligned(p.out) || slices.Contains(c.g.Outputs, op.Writes()) {
			continue
		}
		s := groups[p.x]
		if s == nil {
			s = &siblings{buffer: -1}
			groups[p.x] = s
			order = append(order, p.x)
		}
		s.ops = append(s.ops, i)
		s.width += p.out
	}
	for _, x := range order {
		if s := groups[x]; len(s.ops) > 1 {
			for _, i := range s.ops {
				c.siblings[i] = s
			}
		}
	}
}

// product is a layer that is a matrix product over vectors or pixels: y = W x + bias.
type product struct {
	x            model.TensorID
	weight, bias model.ParamID
	in, out      int
}

func asProduct(op model.Op) (product, bool) {
	switch o := op.(type) {
	case model.Linear:
		return product{o.X, o.Weight, o.Bias, o.InF, o.OutF}, true
	case model.Conv2D:
		s := o.Shape
		if s == (model.ConvShape{OutC: s.OutC, InC: s.InC, KH: 1, KW: 1, Stride: 1}) {
			return product{o.X, o.Weight, o.Bias, s.InC, s.OutC}, true
		}
	}
	return product{}, false
}

// findRows gives every sum of a tensor and a vector of the row, as that with the time embedding, to the group norm
// that alone reads it: the vector moves the means of channels and no pixel needs to be touched.
func (c *compiler) findRows() {
	for i, op := range c.g.Ops {
		sum, ok := op.(model.AddChannel)
		if !ok {
			continue
		}
		if next, ok := c.only(sum.Y); ok {
			if _, ok := c.g.Ops[next].(model.GroupNorm); ok {
				c.rows[next], c.inside[i] = i, true
			}
		}
	}
}

package model

import "fmt"

// builder appends operations to a graph. It knows the channels of every tensor, so
// that a layer's weights follow from its operand. The first failure is kept in err.
type builder struct {
	g        *Graph
	channels []int // by tensor
	file     string
	prefix   string // of the names of layers, where a graph holds several networks
	err      error
}

func newBuilder(file string) *builder { return &builder{g: &Graph{}, file: file} }

func (b *builder) fail(key, format string, args ...any) {
	if b.err == nil {
		b.err = &ConfigError{File: b.file, Key: key, Detail: fmt.Sprintf(format, args...)}
	}
}

// tensor makes a tensor of the given channels.
func (b *builder) tensor(name string, channels int) TensorID {
	b.g.Tensors = append(b.g.Tensors, Tensor{Name: name})
	b.channels = append(b.channels, channels)
	return TensorID(len(b.g.Tensors) - 1)
}

// input makes an input tensor, or returns the one that there is.
func (b *builder) input(kind InputKind, channels int) TensorID {
	for _, in := range b.g.Inputs {
		if in.Kind == kind && kind != InputResidual {
			if in.Channels != channels {
				b.fail("", "%s of %d channels, where another network takes %d", kind, channels, in.Channels)
			}
			return in.Tensor
		}
	}
	id := b.tensor(kind.String(), channels)
	if kind.integer() {
		b.g.Tensors[id].Type = Int64
	}
	b.g.Inputs = append(b.g.Inputs, Input{Kind: kind, Tensor: id, Channels: channels})
	return id
}

// base names an operation and makes its result.
func (b *builder) base(name string, channels int) Base {
	return Base{Name: b.prefix + name, Y: b.tensor(b.prefix+name, channels)}
}

func (b *builder) add(op Op) TensorID {
	b.g.Ops = append(b.g.Ops, op)
	return op.Writes()
}

func (b *builder) param(name, alt string, shape ...int) ParamID {
	b.g.Params = append(b.g.Params, Param{Name: b.prefix + name, Alt: alt, Shape: shape})
	return ParamID(len(b.g.Params) - 1)
}

// conv is a k x k convolution with a bias, padded by pad on all sides.
func (b *builder) conv(name string, x TensorID, out, k, stride, pad int) TensorID {
	return b.convShape(name, x, ConvShape{OutC: out, KH: k, KW: k, Stride: stride,
		PadT: pad, PadL: pad, PadB: pad, PadR: pad})
}

// convShape takes the input channels from x.
func (b *builder) convShape(name string, x TensorID, s ConvShape) TensorID {
	s.InC = b.channels[x]
	w := b.param(name+".weight", "", s.OutC, s.InC, s.KH, s.KW)
	bias := b.param(name+".bias", "", s.OutC)
	return b.add(Conv2D{Base: b.base(name, s.OutC), X: x, Weight: w, Bias: bias, Shape: s})
}

// pixelwise is a linear layer over the channels of every pixel: a 1x1 convolution
// whose weight is a matrix. alt is the layer's name in older files.
func (b *builder) pixelwise(name, alt string, x TensorID, out int) TensorID {
	in := b.channels[x]
	w := b.param(name+".weight", alt+".weight", out, in)
	bias := b.param(name+".bias", alt+".bias", out)
	return b.add(Conv2D{Base: b.base(name, out), X: x, Weight: w, Bias: bias,
		Shape: ConvShape{OutC: out, InC: in, KH: 1, KW: 1, Stride: 1}})
}

func (b *builder) linear(name string, x TensorID, out int) TensorID {
	in := b.channels[x]
	w, bias := b.param(name+".weight", "", out, in), b.param(name+".bias", "", out)
	return b.add(Linear{Base: b.base(name, out), X: x, Weight: w, Bias: bias, InF: in, OutF: out})
}

func (b *builder) linearNoBias(name string, x TensorID, out int) TensorID {
	in := b.channels[x]
	w := b.param(name+".weight", "", out, in)
	return b.add(Linear{Base: b.base(name, out), X: x, Weight: w, Bias: NoParam, InF: in, OutF: out})
}

// norm is a group norm with its activation; scaleShift may be NoTensor.
func (b *builder) norm(name string, x TensorID, groups int, eps float64, act Activation,
	scaleShift TensorID) TensorID {
	c := b.channels[x]
	if groups < 1 || c%groups != 0 {
		b.fail("norm_num_groups", "%s: %d channels do not divide into %d groups", name, c, groups)
		groups = 1
	}
	gamma, beta := b.param(name+".weight", "", c), b.param(name+".bias", "", c)
	return b.add(GroupNorm{Base: b.base(name, c), X: x, ScaleShift: scaleShift,
		Gamma: gamma, Beta: beta, Channels: c, Groups: groups, Eps: float32(eps), Act: act})
}

func (b *builder) act(name string, x TensorID, fn Activation) TensorID {
	return b.add(Act{Base: b.base(name, b.channels[x]), X: x, Fn: fn})
}

// sum is (x + y) / div. x should be the operand that dies here, so that the result
// can take its place.
func (b *builder) sum(name string, x, y TensorID, div float64) TensorID {
	return b.add(Add{Base: b.base(name, b.channels[x]), A: x, B: y, Div: float32(div)})
}

func (b *builder) concat(name string, x, y TensorID) TensorID {
	return b.add(Concat{Base: b.base(name, b.channels[x]+b.channels[y]), A: x, B: y})
}

func (b *builder) resample(name string, x TensorID, mode ResampleMode) TensorID {
	return b.add(Resample{Base: b.base(name, b.channels[x]), X: x, Mode: mode})
}

// mlp is diffusers' TimestepEmbedding module: linear, activation, linear.
func (b *builder) mlp(name string, x TensorID, dim int, act Activation) TensorID {
	x = b.linear(name+".linear_1", x, dim)
	x = b.act(name+".act", x, act)
	return b.linear(name+".linear_2", x, dim)
}

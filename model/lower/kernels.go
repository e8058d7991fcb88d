package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// Our own kernels. A step keeps its shapes and the places of its operands, and learns
// the addresses when memory is bound.

type locator = func(Ref) uint64

// kernel appends a step of ours. Its error is one of shapes that the kernel does not
// take.
func (c *compiler) kernel(name string, layer int, reads, writes []Ref,
	op func(at locator, work uint64) netkernels.Op) error {
	s := Step{Name: name, Kernel: op, reads: reads, writes: writes}
	if layer >= 0 {
		s.layers = []int{layer}
	}
	k := op(func(Ref) uint64 { return 0 }, 0)
	if err := k.Validate(); err != nil {
		return errorf("", name, "%v", err)
	}
	c.program.Steps = append(c.program.Steps, s)
	c.program.Work = max(c.program.Work, k.Workspace())
	return nil
}

// tensor is a view as a kernel takes it.
func (c *compiler) tensor(v view, at locator) netkernels.Tensor {
	return netkernels.Tensor{At: at(c.ref(v)), Stride: v.stride}
}

func kernelType(t cudnn.DType) netkernels.DType { return netkernels.DType(t) }

// activations are the functions that kernels have.
var activations = map[model.Activation]netkernels.Activation{model.Identity: netkernels.Identity,
	model.SiLU: netkernels.SiLU, model.Mish: netkernels.Mish, model.GELU: netkernels.GELU, model.ReLU: netkernels.ReLU,
	model.QuickGELU: netkernels.QuickGELU, model.GELUTanh: netkernels.GELUTanh, model.Tanh: netkernels.Tanh}

func activation(o model.Op, a model.Activation) (netkernels.Activation, error) {
	k, ok := activations[a]
	if !ok {
		return 0, errorf(o.Kind(), o.Label(), "the activation %v has no GPU implementation", a)
	}
	return k, nil
}

// emitKernel makes the step of an operation that cuDNN has not.
func (c *compiler) emitKernel(i int) error {
	switch o := c.g.Ops[i].(type) {
	case model.GroupNorm:
		return c.groupNorm(o, i)
	case model.LayerNorm:
		return c.layerNorm(o, i)
	case model.GEGLU:
		return c.geglu(o, i)
	case model.Resample:
		modes := map[model.ResampleMode]netkernels.ResizeMode{model.UpNearest: netkernels.UpNearest,
			model.DownMean: netkernels.DownMean, model.UpFIR: netkernels.UpFIR, model.DownFIR: netkernels.DownFIR}
		return c.resize(o.Name, modes[o.Mode], o.X, o.Y, i)
	case model.UpsampleLike:
		return c.resize(o.Name, netkernels.UpNearest, o.X, o.Y, i)
	case model.TimestepEmbedding:
		return c.timestepEmbedding(o, i)
	case model.FourierEmbedding:
		return c.fourierEmbedding(o, i)
	case model.Lookup:
		return c.lookup(o, i)
	case model.AdaLayerNorm:
		return c.adaLayerNorm(o, i)
	case model.GatedAdd:
		return c.gatedAdd(o, i)
	case model.GridPositions:
		return c.gridPositions(o, i)
	case model.Unpatchify:
		return c.unpatchify(o, i)
	case model.AddTable:
		return c.addTable(o, i)
	case model.TakeChannel:
		return c.takeChannel(o, i)
	case model.SelectToken:
		return c.selectToken(o, i)
	}
	return c.emitSequence(i)
}

func (c *compiler) groupNorm(o model.GroupNorm, i int) error {
	act, err := activation(o, o.Act)
	if err != nil {
		return err
	}
	from, layers := o.X, []int{i}
	var row view
	before, added := c.rows[i]
	if added {
		sum := c.g.Ops[before].(model.AddChannel)
		from, row, layers = sum.X, c.read(sum.V), []int{before, i}
	}
	x, y := c.read(from), c.write(o.Y)
	gamma, beta := c.weight(o.Name+".weight", cudnn.Float32, c.plain(o.Gamma)), c.weight(o.Name+".bias", cudnn.Float32, c.plain(o.Beta))
	reads := []Ref{c.ref(x), gamma, beta}
	if added {
		reads = append(reads, c.ref(row))
	}
	var ss view
	if o.ScaleShift != model.NoTensor {
		ss = c.read(o.ScaleShift)
		reads = append(reads, c.ref(ss))
	}
	err = c.kernel(o.Name, i, reads, []Ref{c.ref(y)}, func(at locator, work uint64) netkernels.Op {
		k := netkernels.GroupNorm{Type: kernelType(c.Type), Images: c.Rows, Pixels: x.shape.H * x.shape.W, Channels: o.Channels,
			Groups: o.Groups, Eps: o.Eps, Act: act, X: c.tensor(x, at), Y: c.tensor(y, at), Gamma: at(gamma), Beta: at(beta),
			Work: work}
		if o.ScaleShift != model.NoTensor {
			k.ScaleShift = c.tensor(ss, at)
		}
		if added {
			k.Row = c.tensor(row, at)
		}
		return k
	})
	if err == nil {
		c.program.Steps[len(c.program.Steps)-1].layers = layers
	}
	return err
}

func (c *compiler) layerNorm(o model.LayerNorm, i int) error {
	x, y := c.read(o.X), c.write(o.Y)
	gamma, beta := c.weight(o.Name+".weight", cudnn.Float32, c.plain(o.Gamma)), c.weight(o.Name+".bias", cudnn.Float32, c.plain(o.Beta))
	return c.kernel(o.Name, i, []Ref{c.ref(x), gamma, beta}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.LayerNorm{Type: kernelType(c.Type), Rows: c.pixels(x), Channels: o.Channels, Eps: o.Eps,
			X: c.tensor(x, at), Y: c.tensor(y, at), Gamma: at(gamma), Beta: at(beta)}
	})
}

func (c *compiler) geglu(o model.GEGLU, i int) error {
	x, y := c.read(o.X), c.write(o.Y)
	return c.kernel(o.Name, i, []Ref{c.ref(x)}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.GEGLU{Type: kernelType(c.Type), Rows: c.pixels(y), Channels: y.shape.C, X: c.tensor(x, at),
			Y: c.tensor(y, at)}
	})
}

func (c *compiler) resize(name string, mode netkernels.ResizeMode, from, to model.TensorID, i int) error {
	x, y := c.read(from), c.write(to)
	return c.kernel(name, i, []Ref{c.ref(x)}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Resize{Type: kernelType(c.Type), Mode: mode, Images: c.Rows, H: x.shape.H, W: x.shape.W,
			OH: y.shape.H, OW: y.shape.W, Channels: x.shape.C, X: c.tensor(x, at), Y: c.tensor(y, at)}
	})
}

// attentionKernel is attention in float32, and the causal one.
func (c *compiler) attentionKernel(o model.Attention, q, k, v, y view, scale float32, flops int64, i int) error {
	err := c.kernel(o.Name, i, []Ref{c.ref(q), c.ref(k), c.ref(v)}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Attention{Type: kernelType(c.Type), Causal: o.Causal, Images: c.Rows, Heads: o.Heads, Queries: q.shape.H * q.shape.W, Keys: k.shape.H * k.shape.W,
			Dim: q.shape.C / o.Heads, Scale: scale, Q: c.tensor(q, at), K: c.tensor(k, at), V: c.tensor(v, at), O: c.tensor(y, at)}
	})
	if err == nil {
		c.program.Steps[len(c.program.Steps)-1].FLOPs = flops
	}
	return err
}

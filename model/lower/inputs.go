package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// inputs makes the places of the sample and of the conditions. The time stays where the
// caller has it.
func (c *compiler) inputs() error {
	for _, in := range c.g.Inputs {
		if len(c.users[in.Tensor]) == 0 {
			continue
		}
		var err error
		switch in.Kind {
		case model.InputTimestep:
		case model.InputSample:
			err = c.sample(in)
		case model.InputClass, model.InputClassEmbedding, model.InputContext, model.InputTimestepCond, model.InputPooled,
			model.InputTimeIDs, model.InputControl:
			err = c.condition(in)
		case model.InputControlScale: // each factor has a place of its own, see factor
		case model.InputTokenIDs:
			err = c.tokens(in)
		case model.InputTokenIndex:
			c.views[in.Tensor].buffer = c.input(Input{Kind: in.Kind, Length: 1, Type: InputInt32}, 4)
		default:
			err = errorf("input", in.Kind.String(), "is not supported on a GPU yet")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sample brings the caller's [rows, C, H, W] into rows of pixels. What [Options.Beside] says follows in each pixel: it is
// there from the start, and stays.
func (c *compiler) sample(in model.Input) error {
	y := c.write(in.Tensor)
	if c.Beside > 0 {
		pixels := y.shape.H * y.shape.W
		y.shape.C -= c.Beside
		c.program.Inputs = append(c.program.Inputs, Input{Kind: in.Kind, Buffer: y.buffer, Length: c.Beside * pixels,
			Pixels: pixels, Skip: y.shape.C})
	}
	return c.layout("sample", true, Ref{Region: Sample}, y)
}

// results brings the outputs back, one behind the other into the caller's memory.
func (c *compiler) results() error {
	for _, id := range c.g.Outputs {
		at := Ref{Region: Result, Offset: c.program.ResultBytes}
		shape := c.shapes[id]
		if id == c.g.Outputs[0] {
			shape = c.program.OutShape() // of its first channels
		}
		c.program.Outputs = append(c.program.Outputs, Output{Offset: at.Offset, Length: shape.Len()})
		c.program.ResultBytes += aligned(int64(c.Rows) * int64(shape.Len()) * c.Type.Size())
		var err error
		if o, ok := c.outputOp(id).(model.SwapAxes); ok { // [N, T, D]: the tokens as they are
			err = c.copyTo("result", c.read(o.X), at)
		} else {
			v := c.read(id)
			v.shape = shape
			err = c.layout("result", false, at, v)
			if err == nil && c.Variance && id == c.g.Outputs[0] {
				err = c.variance(id)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// variance brings what a result has behind its first channels to a place of its own. The sampler reads it where the noise
// of a plan is learned.
func (c *compiler) variance(id model.TensorID) error {
	v, n := c.read(id), c.Channels
	v.off += n
	v.shape.C -= n
	return c.layout("variance", false, Ref{Region: Variance}, v)
}

// outputOp is the operation that writes a tensor, nil for an input.
func (c *compiler) outputOp(id model.TensorID) model.Op {
	if w := c.writer[id]; w >= 0 {
		return c.g.Ops[w]
	}
	return nil
}

// table makes a place of n numbers of a type that follow from the size alone.
func (c *compiler) table(name string, n int, t cudnn.DType, fill func(dst []byte)) (buffer int) {
	bytes := int64(n) * t.Size()
	b := c.rawBuffer(name, bytes)
	c.program.Tables = append(c.program.Tables, Table{Buffer: b, Bytes: bytes, Fill: fill})
	return b
}

func (c *compiler) layout(name string, toRows bool, image Ref, v view) error {
	reads, writes := []Ref{image}, []Ref{c.ref(v)}
	if !toRows {
		reads, writes = writes, reads
	}
	return c.kernel(name, -1, reads, writes, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Layout{Type: kernelType(c.Type), ToRows: toRows, Images: c.Rows, Pixels: v.shape.H * v.shape.W,
			Channels: v.shape.C, Image: at(image), Rows: c.tensor(v, at)}
	})
}

// condition makes a place that the executor fills. A class is an integer for tables, and
// a number for what treats it like a time.
func (c *compiler) condition(in model.Input) error {
	shape, size, t := c.shapes[in.Tensor], c.Type.Size(), InputActivation
	if in.Kind == model.InputTimeIDs || c.likeTime(in) {
		size, t = 4, InputFloat32
	}
	if in.Kind == model.InputClass {
		size, t = 4, InputInt32
		for n, i := range c.users[in.Tensor] {
			as := InputFloat32
			if _, table := c.g.Ops[i].(model.Lookup); table {
				as = InputInt32
			}
			if n > 0 && as != t {
				return errorf("input", "class", "is both looked up and treated as a number: not supported")
			}
			t = as
		}
	}
	pixels := 0
	if in.Kind == model.InputControl {
		pixels = shape.H * shape.W
	}
	c.views[in.Tensor].buffer = c.input(Input{Kind: in.Kind, Length: shape.Len(), Type: t, Pixels: pixels}, size)
	return nil
}

// likeTime says that a condition of the time is a number that is embedded as the time is: the guidance scale of FLUX.
func (c *compiler) likeTime(in model.Input) bool {
	if in.Kind != model.InputTimestepCond {
		return false
	}
	_, ok := c.g.Ops[c.users[in.Tensor][0]].(model.TimestepEmbedding)
	return ok
}

// input makes a place that the executor fills, of elements of a size, and returns its buffer.
func (c *compiler) input(in Input, size int64) int {
	in.Buffer = c.rawBuffer(in.Kind.String(), int64(c.Rows)*int64(in.Length)*size)
	c.program.Inputs = append(c.program.Inputs, in)
	return in.Buffer
}

// numbers is the place of the float32 numbers of a row: the time, a class treated like
// one, or the sizes that SDXL embeds.
func (c *compiler) numbers(o model.Op, id model.TensorID) (Ref, error) {
	if c.isTime(id) {
		return Ref{Region: Timestep}, nil
	}
	if c.floats[id] {
		return Ref{Region: Arena, Index: c.views[id].buffer}, nil
	}
	for _, in := range c.program.Inputs {
		if in.Type == InputFloat32 && in.Buffer == c.views[id].buffer {
			return Ref{Region: Arena, Index: in.Buffer}, nil
		}
	}
	return Ref{}, errorf(o.Kind(), o.Label(), "embeds %v of %s: want the time, a class or sizes", c.shapes[id], c.g.Tensors[id].Name)
}

func (c *compiler) timestepEmbedding(o model.TimestepEmbedding, i int) error {
	return c.embed(o, i, o.T, netkernels.EmbedTime{Dim: o.Dim, Flip: o.Flip},
		part{param: model.NoParam, length: o.Dim / 2, table: model.TimestepFrequencies(o.Dim, o.FreqShift)})
}

func (c *compiler) fourierEmbedding(o model.FourierEmbedding, i int) error {
	return c.embed(o, i, o.T, netkernels.EmbedTime{Dim: 2 * o.Dim, Log: true}, c.plain(o.Weight))
}

func (c *compiler) embed(o model.Op, i int, t model.TensorID, k netkernels.EmbedTime, f part) error {
	from, err := c.numbers(o, t)
	if err != nil {
		return err
	}
	y, table := c.write(o.Writes()), c.weight(o.Label()+" frequencies", cudnn.Float32, f)
	// Several numbers of a row follow one another, and so do their embeddings.
	each := c.shapes[t].Len()
	k.Type, k.Rows = kernelType(c.Type), c.Rows*each
	stride := y.stride
	if each > 1 {
		stride = k.Dim
	}
	return c.kernel(o.Label(), i, []Ref{from, table}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		e := k
		e.T, e.F, e.Y = at(from), at(table), netkernels.Tensor{At: at(c.ref(y)), Stride: stride}
		return e
	})
}

func (c *compiler) lookup(o model.Lookup, i int) error {
	y, table := c.write(o.Y), c.weight(o.Name+".weight", cudnn.Float32, c.plain(o.Table))
	index := Ref{Region: Arena, Index: c.views[o.Class].buffer}
	return c.kernel(o.Name, i, []Ref{index, table}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Lookup{Type: kernelType(c.Type), Rows: c.Rows, Dim: o.Dim, Index: at(index), Table: at(table),
			Y: c.tensor(y, at)}
	})
}

package lower

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
)

// maxRows bounds the rows of a program.
const maxRows = 1 << 12

// Lower lowers a graph. The error is an [*Error], a [*model.GraphError] or a
// [*model.ShapeError]; nothing has been allocated on a device by then.
func Lower(g *model.Graph, o Options) (*Program, error) {
	if g == nil {
		return nil, errorf("", "", "no graph")
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if o.Rows < 1 || o.Rows > maxRows {
		return nil, errorf("", "", "%d rows are not within 1..%d", o.Rows, maxRows)
	}
	shapes, err := g.ShapesAt(o.Size)
	if err != nil {
		return nil, err
	}
	for _, in := range g.Inputs {
		if in.Kind == model.InputSample && (o.Beside < 0 || o.Beside >= in.Channels) {
			return nil, errorf("input", in.Kind.String(), "%d channels beside the sample: want 0..%d", o.Beside, in.Channels-1)
		}
	}
	if most := shapes[g.Outputs[0]].C; o.Channels < 0 || o.Channels > most {
		return nil, errorf("", "", "%d channels of the result are not within 0..%d", o.Channels, most)
	} else if o.Variance && (o.Channels == 0 || o.Channels == most) {
		return nil, errorf("", "", "no variance behind %d channels of a result of %d", o.Channels, most)
	}
	if err := o.checkPerturbed(g, shapes); err != nil {
		return nil, err
	}
	c := newCompiler(g, shapes, o)
	c.findScaled()
	c.findChains()
	c.findRows()
	c.findHeads()
	c.findSiblings()
	c.place()
	if err := c.inputs(); err != nil {
		return nil, err
	}
	for i := range g.Ops {
		if err := c.emit(i); err != nil {
			return nil, err
		}
		if err := c.replace(i); err != nil {
			return nil, err
		}
	}
	if err := c.results(); err != nil {
		return nil, err
	}
	c.hoist()
	c.lifetimes()
	return c.program, nil
}

// view is where a tensor of the graph is: channels off.. of the rows of a buffer. One
// row of memory is a pixel; stride is the elements from pixel to pixel.
type view struct {
	buffer      int // -1: none yet
	off, stride int
	shape       model.Shape
}

// compiler is the state of [Lower].
type compiler struct {
	Options
	g       *model.Graph
	shapes  []model.Shape
	program *Program
	views   []view
	users   [][]int // the operations that read a tensor
	writer  []int   // the operation that writes a tensor, -1 for an input

	chains   map[int]*chain          // by the last operation of each
	inside   map[int]bool            // operations that a later one of their chain does
	siblings map[int]*siblings       // by each operation of a group
	floats   map[model.TensorID]bool // vectors of the row that are float32 in every type
	turns    map[string]int          // buffers of the angles of rotations, by what they depend on
	rows     map[int]int             // by group norms: the sum with a vector of the row that each takes with it
	scaled   map[int]int             // by sums: the product with a number of the row that each takes with it
}

func newCompiler(g *model.Graph, shapes []model.Shape, o Options) *compiler {
	c := &compiler{Options: o, g: g, shapes: shapes, views: make([]view, len(shapes)),
		users: make([][]int, len(shapes)), writer: make([]int, len(shapes)),
		chains: map[int]*chain{}, inside: map[int]bool{}, siblings: map[int]*siblings{}, rows: map[int]int{},
		floats: map[model.TensorID]bool{}, turns: map[string]int{}, scaled: map[int]int{}}
	c.program = &Program{Options: o, Graph: g, Shapes: shapes}
	for i := range c.views {
		c.views[i] = view{buffer: -1, stride: shapes[i].C, shape: shapes[i]}
		c.writer[i] = -1
	}
	for i, op := range g.Ops {
		c.writer[op.Writes()] = i
		for _, id := range op.Reads() {
			c.users[id] = append(c.users[id], i)
		}
	}
	return c
}

// only returns the operation that reads a tensor if there is just one and the tensor is
// not a result of the graph.
func (c *compiler) only(id model.TensorID) (int, bool) {
	if len(c.users[id]) != 1 || slices.Contains(c.g.Outputs, id) {
		return 0, false
	}
	return c.users[id][0], true
}

// aligned says whether channels may start after n others: 16 bytes, what kernels and
// engines access at a time.
func (c *compiler) aligned(n int) bool { return int64(n)*c.Type.Size()%16 == 0 }

// place decides which tensors are slices of others. Everything else gets a buffer of
// its own when it is written.
func (c *compiler) place() {
	for _, op := range slices.Backward(c.g.Ops) { // so that the widest comes first
		o, ok := op.(model.Concat)
		if !ok || o.A == o.B || !c.mayMove(o.A) || !c.mayMove(o.B) {
			continue
		}
		a, b := c.shapes[o.A], c.shapes[o.B]
		if !c.aligned(a.C) || !c.aligned(b.C) {
			continue // an operation of its own copies
		}
		c.slice(o.A, o.Y, 0)
		c.slice(o.B, o.Y, a.C)
	}
	for i := range c.g.Ops {
		if s := c.siblings[i]; s != nil && s.ops[0] == i {
			off := 0
			for _, m := range s.ops {
				y := c.g.Ops[m].Writes()
				c.slices(y, s, off)
				off += c.shapes[y].C
			}
		}
	}
}

// mayMove says whether a tensor can be written into a wider one: it is no input, and is
// not a slice already.
func (c *compiler) mayMove(id model.TensorID) bool {
	w := c.writer[id]
	if w < 0 || c.views[id].buffer != -1 || c.siblings[w] != nil {
		return false
	}
	switch o := c.g.Ops[w].(type) {
	case model.SwapAxes:
		return false // a view of its operand
	case model.TokenEmbedding:
		return false // an input
	case model.TimestepEmbedding:
		return c.shapes[o.T].Len() == 1 // several numbers of a row are embedded side by side
	}
	return true
}

// buffer makes a buffer of rows of pixels of n elements.
func (c *compiler) buffer(name string, pixels, n int) int {
	bytes := int64(c.Rows) * int64(pixels) * int64(n) * c.Type.Size()
	return c.rawBuffer(name, bytes)
}

func (c *compiler) rawBuffer(name string, bytes int64) int {
	p := c.program
	p.Buffers = append(p.Buffers, Buffer{Name: name, Bytes: aligned(bytes)})
	return len(p.Buffers) - 1
}

// aligned is a size rounded up, so that what follows is aligned for every access.
func aligned(bytes int64) int64 {
	const align = 256
	return (bytes + align - 1) / align * align
}

// slice makes a tensor channels off.. of another, which may be a slice itself.
func (c *compiler) slice(id, of model.TensorID, off int) {
	whole := c.write(of)
	v := &c.views[id]
	v.buffer, v.off, v.stride = whole.buffer, whole.off+off, whole.stride
}

func (c *compiler) slices(id model.TensorID, s *siblings, off int) {
	if s.buffer < 0 {
		shape := c.shapes[id]
		s.buffer = c.buffer(s.name(c), shape.H*shape.W, s.width)
	}
	v := &c.views[id]
	v.buffer, v.off, v.stride = s.buffer, off, s.width
}

// write returns where a tensor goes, and makes its buffer.
func (c *compiler) write(id model.TensorID) view {
	v := &c.views[id]
	if v.buffer < 0 {
		v.buffer = c.buffer(c.g.Tensors[id].Name, v.shape.H*v.shape.W, v.stride)
	}
	return *v
}

// ref is the address of a view's first element.
func (c *compiler) ref(v view) Ref {
	return Ref{Region: Arena, Index: v.buffer, Offset: int64(v.off) * c.Type.Size()}
}

// pixels of all rows.
func (c *compiler) pixels(v view) int { return c.Rows * v.shape.H * v.shape.W }

// read returns where a tensor is.
func (c *compiler) read(id model.TensorID) view { return c.views[id] }

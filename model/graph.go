package model

// TensorID numbers a tensor of a graph: an index into [Graph.Tensors].
type TensorID int

// ParamID numbers a weight of a graph: an index into [Graph.Params].
type ParamID int

// NoTensor and NoParam stand for an operand that an operation does not have.
const (
	NoTensor TensorID = -1
	NoParam  ParamID  = -1
)

// Graph is a network: operations in execution order over numbered tensors and
// numbered weights. It is plain data, knows no batch size and no image size, holds
// no weights, and must not be changed once it is in use.
type Graph struct {
	Tensors []Tensor
	Params  []Param
	Inputs  []Input
	Ops     []Op
	Outputs []TensorID
}

// Tensor is a value computed by a graph.
type Tensor struct {
	Name string  // the operation that writes it, or the input
	Type ValType // element type
}

// ValType is the element type of a tensor.
type ValType int

// The element types. Only inputs may be Int64.
const (
	Float32 ValType = iota
	Int64
)

// Param is a weight: its name in the file and its shape there.
type Param struct {
	Name  string
	Alt   string // a second name that is accepted, "" if none
	Shape []int
}

// Len is the number of elements.
func (p Param) Len() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// InputKind says which argument of a run an input tensor is.
type InputKind int

// The inputs a graph may have.
const (
	InputSample         InputKind = iota // [N, C, H, W] float32, the noisy image
	InputTimestep                        // [N] float32
	InputClass                           // [N] int64, class labels
	InputClassEmbedding                  // [N, C] float32, a class embedding made by the caller
	InputContext                         // [N, T, C] float32, what is attended to, such as a text
	InputTimestepCond                    // [N, C] float32, what conditions the time embedding
	InputTokenIDs                        // [N, T] int64, the tokens of a text
	InputTokenIndex                      // [N] int64, a position in the text, from 0
	InputPooled                          // [N, C] float32, the pooled embedding of a text
	InputTimeIDs                         // [N, C] float32, numbers that are embedded as a time is
	InputControl                         // [N, C, H, W] float32, the image that a ControlNet looks at
	InputControlScale                    // [N, C] float32, a factor for each of its results
	InputResidual                        // [N, C, H, W] float32, added to a tensor; a graph may have several
)

// String names the input as [Inputs] does.
func (k InputKind) String() string {
	names := [...]string{"Sample", "Timestep", "Class", "ClassEmbedding", "Context", "TimestepCond",
		"TokenIDs", "TokenIndex", "Pooled", "TimeIDs", "Control", "ControlScale", "Residuals"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// integer says that the elements are Int64.
func (k InputKind) integer() bool {
	return k == InputClass || k == InputTokenIDs || k == InputTokenIndex
}

// Input is a tensor that the caller provides. Its shape is C x 1 x 1 with C the field
// Channels, but C x H x W of the sample for InputSample, and T x C x 1 for InputContext
// of T tokens, and 1 x T x 1 for InputTokenIDs; that of InputControl is Scale times as
// high and wide as the sample, that of InputResidual the shape of the tensor Like.
type Input struct {
	Kind     InputKind
	Tensor   TensorID
	Channels int
	Scale    int      // for InputControl
	Like     TensorID // for InputResidual: what it is added to
}

// Op is one operation. The concrete types in this package are the only ones:
// a backend switches over them.
type Op interface {
	// Kind is the type's name, for reports.
	Kind() string
	// Label is the name of the layer in the weights, or a description.
	Label() string
	// Reads lists the tensors that are read. An optional operand that is not
	// there is left out.
	Reads() []TensorID
	// Writes is the one tensor that is written.
	Writes() TensorID
	// params lists the weights; the shape they must have is checked by validation.
	params() []paramUse
	// infer returns the shape of the result.
	infer(in func(TensorID) Shape) (Shape, error)
	// inPlace is an operand whose memory the result may take, or NoTensor.
	inPlace() TensorID
}

// paramUse is a weight of an operation and the shape the operation needs.
type paramUse struct {
	id    ParamID
	shape []int
}

// Base is the part all operations share: the name of the layer and the result.
type Base struct {
	Name string
	Y    TensorID // the result
}

// Label implements [Op].
func (o Base) Label() string { return o.Name }

// Writes implements [Op].
func (o Base) Writes() TensorID { return o.Y }

func (o Base) params() []paramUse { return nil }

func (o Base) inPlace() TensorID { return NoTensor }

// present returns the ids that are not NoTensor.
func present(ids ...TensorID) []TensorID {
	out := ids[:0]
	for _, id := range ids {
		if id != NoTensor {
			out = append(out, id)
		}
	}
	return out
}

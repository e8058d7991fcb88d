package lower

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// Input is a condition: where it goes, and in which type. That of InputSample are the channels that
// [Options.Beside] says.
type Input struct {
	Kind   model.InputKind
	Buffer int
	Length int       // elements of a row
	Type   InputType // how it is stored

	// Pixels of an image [C, H, W], which is stored channels last; 0 for a vector. Each pixel begins with Skip
	// elements that are not the condition's.
	Pixels, Skip int
	// Repeat is how often element Index of a vector is stored, in place of the vector; 0 for all of the vector.
	Index, Repeat int

	// Tokens is how the tokens of a text become what is stored, nil but for
	// model.InputTokenIDs; see [Input.Embed].
	Tokens *model.TokenEmbedding
}

// Beside is [Options.Beside] of a network whose conditions have channels that follow those of the sample: one for
// in-painting, see [model.TextEmbedding].
func Beside(net model.Network) int {
	u, ok := net.(*model.UNetCondition)
	if !ok {
		return 0
	}
	return max(0, u.Channels()-u.OutChannels())
}

// InputType is how a condition is stored.
type InputType int

// The types.
const (
	InputActivation InputType = iota // in the program's type
	InputFloat32
	InputInt32
)

// stored is the type in memory, [InputInt32] aside.
func (in Input) stored(t cudnn.DType) cudnn.DType {
	if in.Type == InputActivation {
		return t
	}
	return cudnn.Float32
}

// RowBytes is how long a row is in memory, for a program of type t.
func (in Input) RowBytes(t cudnn.DType) int {
	n := in.Length + in.Skip*in.Pixels
	if in.Repeat > 0 {
		n = in.Repeat
	}
	return n * int(in.stored(t).Size())
}

// Store writes the Length values of a row to dst, RowBytes long; what is skipped becomes zeros. Integers are not for it.
func (in Input) Store(t cudnn.DType, dst []byte, src []float32) {
	t = in.stored(t)
	if in.Repeat > 0 {
		src = slices.Repeat(src[in.Index:in.Index+1], in.Repeat)
	}
	if in.Pixels == 0 {
		Store(t, dst, src)
		return
	}
	channels := in.Length / in.Pixels
	pixel := make([]float32, in.Skip+channels)
	for i := range in.Pixels {
		for c := range channels {
			pixel[in.Skip+c] = src[c*in.Pixels+i]
		}
		n := len(pixel) * int(t.Size())
		Store(t, dst[i*n:(i+1)*n], pixel)
	}
}

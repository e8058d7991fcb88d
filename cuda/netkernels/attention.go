package netkernels

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// Attention is O = softmax(Scale Q K^T) V over Heads of Dim consecutive channels, for
// images of Queries pixels and their Keys. A causal query sees the keys up to its own
// place: in a row of its tile of 64 keys a later value that is not finite still spreads,
// since it is multiplied by 0.
type Attention struct {
	Type                              DType
	Images, Heads, Queries, Keys, Dim int
	Scale                             float32
	Causal                            bool
	Q, K, V, O                        Tensor
}

var _ Op = Attention{}

// MaxHeadDim is the longest head in float32, MaxHeadDim16 in 16 bits.
const (
	MaxHeadDim   = 512
	MaxHeadDim16 = 64
)

// Validate implements [Op].
func (o Attention) Validate() error {
	most := MaxHeadDim
	if o.Type != Float32 {
		most = MaxHeadDim16
	}
	if o.Dim > most || o.Heads > maxGrid || o.Images > maxGrid {
		return &Error{"Attention", fmt.Sprintf("%d images, %d heads of %d: want at most %d, %d and %d", o.Images, o.Heads,
			o.Dim, maxGrid, maxGrid, most)}
	}
	if o.Causal && o.Keys != o.Queries {
		return &Error{"Attention", fmt.Sprintf("causal with %d queries and %d keys: want the same", o.Queries, o.Keys)}
	}
	return check("Attention", o.Type, map[string]int{"images": o.Images, "heads": o.Heads, "queries": o.Queries,
		"keys": o.Keys, "dimensions": o.Dim}, o.Heads*o.Dim, o.Q, o.K, o.V, o.O)
}

// Launches implements [Op].
func (o Attention) Launches() []Launch {
	size := 64
	for size < o.Dim {
		size *= 2
	}
	queries := 64 // of a block, see network_attention.cuh
	if size == MaxHeadDim {
		queries = 32
	}
	g := cuda.Geometry{Grid: cuda.Dim{X: (o.Queries + queries - 1) / queries, Y: o.Heads, Z: o.Images},
		Block: cuda.Dim{X: threads}}
	return []Launch{{fmt.Sprintf("attention_%s_d%d", suffixes[o.Type], size), g, []uint64{o.Q.At, o.K.At, o.V.At, o.O.At,
		uint64(o.Q.Stride), uint64(o.K.Stride), uint64(o.V.Stride), uint64(o.O.Stride), i32(o.Queries), i32(o.Keys),
		i32(o.Dim), cuda.F32(o.Scale), flag(o.Causal)}}}
}

// Workspace implements [Op].
func (o Attention) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Attention) Bytes() (read, written int64) {
	n := o.Type.size() * int64(o.Images) * int64(o.Heads) * int64(o.Dim)
	return n * int64(o.Queries+2*o.Keys), n * int64(o.Queries)
}

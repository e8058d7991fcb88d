package netkernels

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// GroupNorm is y = act(((x - mean)/sqrt(var + Eps) * gamma + beta) * (1 + s) + t) over
// groups of channels, with s and t the halves of ScaleShift, a vector of 2*Channels for
// every image, where that is given.
type GroupNorm struct {
	Type                             DType
	Images, Pixels, Channels, Groups int
	Eps                              float32
	Act                              Activation
	X, Y                             Tensor
	Gamma, Beta                      uint64 // [Channels] float32
	ScaleShift                       Tensor // Stride from image to image; 0 for none
	Work                             uint64 // Workspace bytes
}

var _ Op = GroupNorm{}

// Limits of the one-launch form: elements of a block, and shared memory.
const (
	maxOnePass = 1 << 14
	maxShared  = 48 << 10
)

// Validate implements [Op].
func (o GroupNorm) Validate() error {
	err := check("GroupNorm", o.Type, map[string]int{"images": o.Images, "pixels": o.Pixels, "channels": o.Channels,
		"groups": o.Groups}, o.Channels, o.X, o.Y)
	switch {
	case err != nil:
		return err
	case o.Channels%o.Groups != 0:
		return &Error{"GroupNorm", fmt.Sprintf("%d channels in %d groups", o.Channels, o.Groups)}
	case o.Images > maxGrid:
		return &Error{"GroupNorm", fmt.Sprintf("%d images: at most %d", o.Images, maxGrid)}
	case o.ScaleShift.Stride > 0 && o.ScaleShift.Stride < 2*o.Channels:
		return &Error{"GroupNorm", fmt.Sprintf("scale and shift %d elements apart, for %d channels", o.ScaleShift.Stride, o.Channels)}
	}
	if s := o.shared(3*o.Channels, int(16/o.Type.size())); s > maxShared {
		return &Error{"GroupNorm", fmt.Sprintf("%d channels need %d bytes of shared memory, there are %d", o.Channels, s, maxShared)}
	}
	return nil
}

// shared is the bytes for some floats and two floats for each element of the threads.
func (o GroupNorm) shared(floats, v int) int { return 4 * (floats + 2*threads*v) }

// chunk is the channels of a block in the one-launch form: whole groups and, if there
// is a vector width that divides them, whole vectors. 0 means the two-launch form.
func (o GroupNorm) chunk(v int) int {
	per := o.Channels / o.Groups
	n := per
	for n%v != 0 || n*int(o.Type.size()) < 32 && n < o.Channels { // at least a sector of memory
		if n += per; n > o.Channels {
			return 0
		}
	}
	if n*o.Pixels > maxOnePass || n/per > threads || o.Channels%n != 0 {
		return 0
	}
	return n
}

// slab is the pixels of a block that sums, tile those of a block that normalises.
func (o GroupNorm) slab() int {
	const most = 64 // slabs of an image, which every block of the second launch merges
	return max(o.rows(), (o.Pixels+most-1)/most)
}

func (o GroupNorm) tile() int { return o.rows() }

// rows are the pixels that make about 8192 elements.
func (o GroupNorm) rows() int { return max(1, min(o.Pixels, 8192/o.Channels)) }

// Launches implements [Op].
func (o GroupNorm) Launches() []Launch {
	kernel, v := name("group_norm", o.Type, o.Channels, o.X, o.Y)
	if v > 1 && o.Channels/o.Groups%v != 0 && o.chunk(v) == 0 && o.chunk(1) != 0 {
		kernel, v = name("group_norm", o.Type, 1) // groups that no vector divides
	}
	if n := o.chunk(v); n > 0 {
		return []Launch{{kernel, cuda.Geometry{Grid: cuda.Dim{X: o.Channels / n, Y: o.Images}, Block: cuda.Dim{X: threads},
			Shared: o.shared(3*n, v)}, []uint64{o.X.At, o.Y.At, o.Gamma, o.Beta, o.ScaleShift.At, uint64(o.X.Stride),
			uint64(o.Y.Stride), uint64(o.ScaleShift.Stride), i32(o.Pixels), i32(o.Channels), i32(o.Channels / o.Groups),
			i32(n), cuda.F32(o.Eps), i32(int(o.Act))}}}
	}
	slab, tile := o.slab(), o.tile()
	stats, _ := name("group_norm_stats", o.Type, o.Channels, o.X, o.Y)
	apply, _ := name("group_norm_apply", o.Type, o.Channels, o.X, o.Y)
	return []Launch{
		{stats, cuda.Geometry{Grid: cuda.Dim{X: (o.Pixels + slab - 1) / slab, Y: o.Images}, Block: cuda.Dim{X: threads},
			Shared: o.shared(2*o.Channels, v)}, []uint64{o.X.At, o.Work, uint64(o.X.Stride), i32(o.Pixels), i32(o.Channels),
			i32(o.Groups), i32(slab)}},
		{apply, cuda.Geometry{Grid: cuda.Dim{X: (o.Pixels + tile - 1) / tile, Y: o.Images}, Block: cuda.Dim{X: threads},
			Shared: 4 * 3 * o.Channels}, []uint64{o.X.At, o.Y.At, o.Gamma, o.Beta, o.ScaleShift.At, o.Work,
			uint64(o.X.Stride), uint64(o.Y.Stride), uint64(o.ScaleShift.Stride), i32(o.Pixels), i32(o.Channels),
			i32(o.Groups), i32(slab), i32(tile), cuda.F32(o.Eps), i32(int(o.Act))}},
	}
}

// Workspace implements [Op].
func (o GroupNorm) Workspace() int64 {
	if len(o.Launches()) == 1 {
		return 0
	}
	slab := o.slab()
	return int64(o.Images) * int64((o.Pixels+slab-1)/slab) * int64(o.Groups) * 8
}

// Bytes implements [Op]. The two-launch form reads x twice.
func (o GroupNorm) Bytes() (read, written int64) {
	x := int64(o.Images) * int64(o.Pixels) * int64(o.Channels) * o.Type.size()
	read = x*int64(len(o.Launches())) + 8*int64(o.Channels) + o.Workspace()
	if o.ScaleShift.Stride > 0 {
		read += int64(o.Images) * 2 * int64(o.Channels) * o.Type.size()
	}
	return read, x + o.Workspace()
}

// LayerNorm is y = (x - mean)/sqrt(var + Eps) * gamma + beta over the channels of each
// of Rows pixels.
type LayerNorm struct {
	Type           DType
	Rows, Channels int
	Eps            float32
	X, Y           Tensor
	Gamma, Beta    uint64 // [Channels] float32
}

var _ Op = LayerNorm{}

// Validate implements [Op].
func (o LayerNorm) Validate() error {
	return check("LayerNorm", o.Type, map[string]int{"rows": o.Rows, "channels": o.Channels}, o.Channels, o.X, o.Y)
}

// Launches implements [Op].
func (o LayerNorm) Launches() []Launch {
	kernel, _ := name("layer_norm", o.Type, o.Channels, o.X, o.Y)
	const warps = threads / 32 // a token each
	g := cuda.Geometry{Grid: cuda.Dim{X: (o.Rows + warps - 1) / warps}, Block: cuda.Dim{X: threads}}
	return []Launch{{kernel, g, []uint64{o.X.At, o.Y.At, o.Gamma, o.Beta, uint64(o.X.Stride), uint64(o.Y.Stride),
		uint64(o.Rows), i32(o.Channels), cuda.F32(o.Eps)}}}
}

// Workspace implements [Op].
func (o LayerNorm) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o LayerNorm) Bytes() (read, written int64) {
	x := int64(o.Rows) * int64(o.Channels) * o.Type.size()
	return x + 8*int64(o.Channels), x
}

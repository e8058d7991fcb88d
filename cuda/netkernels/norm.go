package netkernels

import (
	"cmp"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// GroupNorm is y = act(((x - mean)/sqrt(var + Eps) * gamma + beta) * (1 + s) + t) over
// groups of channels, with s and t the halves of ScaleShift, a vector of 2*Channels for
// every image, where that is given. Row is a vector of Channels for every image that is
// added to x before, as a time embedding is.
type GroupNorm struct {
	Type                             DType
	Images, Pixels, Channels, Groups int
	Eps                              float32
	Act                              Activation
	X, Y                             Tensor
	Gamma, Beta                      uint64 // [Channels] float32
	ScaleShift, Row                  Tensor // Stride from image to image; 0 for none
	Work                             uint64 // Workspace bytes
}

var _ Op = GroupNorm{}

// held is the vectors of a thread in the one-launch form, see network_norm.cuh.
const (
	held      = 12
	maxShared = 48 << 10
)

// Validate implements [Op].
func (o GroupNorm) Validate() error {
	err := check("GroupNorm", o.Type, map[string]int{"images": o.Images, "pixels": o.Pixels, "channels": o.Channels,
		"groups": o.Groups}, o.Channels, o.X, o.Y)
	if err == nil {
		err = cmp.Or(checkAct("GroupNorm", o.Act), checkWords("GroupNorm", o.Gamma, o.Beta, o.Work))
	}
	switch {
	case err != nil:
		return err
	case o.Channels%o.Groups != 0:
		return &Error{"GroupNorm", fmt.Sprintf("%d channels in %d groups", o.Channels, o.Groups)}
	case o.Images > maxGrid:
		return &Error{"GroupNorm", fmt.Sprintf("%d images: at most %d", o.Images, maxGrid)}
	}
	if o.ScaleShift.Stride > 0 {
		if err := check("GroupNorm", o.Type, nil, 2*o.Channels, o.ScaleShift); err != nil {
			return err
		}
	}
	if o.Row.Stride > 0 {
		if err := check("GroupNorm", o.Type, nil, o.Channels, o.Row); err != nil {
			return err
		}
	}
	if s := max(o.sharedMoments(o.Channels, int(16/o.Type.size())), groupBytes*o.Groups); s > maxShared {
		return &Error{"GroupNorm", fmt.Sprintf("%d channels need %d bytes of shared memory, there are %d", o.Channels, s, maxShared)}
	}
	return nil
}

// sharedMoments is the bytes of two floats for every channel, and 2v+1 for every thread.
func (o GroupNorm) sharedMoments(channels, v int) int { return 4 * (2*channels + (2*v+1)*threads) }

// groupBytes is a group's mean, in two parts, and its variance.
const groupBytes = 12

// chunk is the channels of a block in the one-launch form: whole groups, whole vectors,
// and at least a sector of memory. 0 means the two-launch form.
func (o GroupNorm) chunk(v int) int {
	per := o.Channels / o.Groups
	n := per
	for n%v != 0 || n*int(o.Type.size()) < 32 && n < o.Channels || o.Channels%n != 0 {
		if n += per; n > o.Channels {
			return 0
		}
	}
	if n/v > threads || n/per > threads {
		return 0
	}
	if rows := threads / (n / v); (o.Pixels+rows-1)/rows > held {
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
	gamma, beta := Tensor{At: o.Gamma}, Tensor{At: o.Beta}
	kernel, v := name("group_norm", o.Type, o.Channels, o.X, o.Y, gamma, beta)
	if n := o.chunk(v); n > 0 {
		per := o.Channels / o.Groups
		return []Launch{{kernel, cuda.Geometry{Grid: cuda.Dim{X: o.Channels / n, Y: o.Images}, Block: cuda.Dim{X: threads},
			Shared: o.sharedMoments(n, v) + groupBytes*n/per}, []uint64{o.X.At, o.Y.At, o.Gamma, o.Beta, o.ScaleShift.At,
			o.Row.At, uint64(o.X.Stride), uint64(o.Y.Stride), uint64(o.ScaleShift.Stride), uint64(o.Row.Stride), i32(o.Pixels),
			i32(o.Channels), i32(per), i32(n), cuda.F32(o.Eps), i32(int(o.Act))}}}
	}
	slab, tile := o.slab(), o.tile()
	stats, v := name("group_norm_stats", o.Type, o.Channels, o.X)
	apply, _ := name("group_norm_apply", o.Type, o.Channels, o.X, o.Y, gamma, beta)
	return []Launch{
		{stats, cuda.Geometry{Grid: cuda.Dim{X: (o.Pixels + slab - 1) / slab, Y: o.Images}, Block: cuda.Dim{X: threads},
			Shared: o.sharedMoments(o.Channels, v)}, []uint64{o.X.At, o.Row.At, o.Work, uint64(o.X.Stride), uint64(o.Row.Stride),
			i32(o.Pixels), i32(o.Channels), i32(o.Groups), i32(slab)}},
		{apply, cuda.Geometry{Grid: cuda.Dim{X: (o.Pixels + tile - 1) / tile, Y: o.Images}, Block: cuda.Dim{X: threads},
			Shared: groupBytes * o.Groups}, []uint64{o.X.At, o.Y.At, o.Gamma, o.Beta, o.ScaleShift.At, o.Row.At,
			o.Work, uint64(o.X.Stride), uint64(o.Y.Stride), uint64(o.ScaleShift.Stride), uint64(o.Row.Stride), i32(o.Pixels),
			i32(o.Channels), i32(o.Groups), i32(slab), i32(tile), cuda.F32(o.Eps), i32(int(o.Act))}},
	}
}

// Workspace implements [Op]. It is enough for any addresses, which may be known later than
// this: a slice that no vector fits takes the two-launch form earlier.
func (o GroupNorm) Workspace() int64 {
	_, v := name("", o.Type, o.Channels, Tensor{Stride: o.X.Stride}, Tensor{Stride: o.Y.Stride})
	if o.chunk(v) > 0 && o.chunk(1) > 0 {
		return 0
	}
	return o.moments()
}

// moments is the bytes that the two launches share.
func (o GroupNorm) moments() int64 {
	slab := o.slab()
	return int64(o.Images) * int64((o.Pixels+slab-1)/slab) * int64(o.Groups) * groupBytes
}

// Bytes implements [Op]. The two-launch form reads x twice.
func (o GroupNorm) Bytes() (read, written int64) {
	x := int64(o.Images) * int64(o.Pixels) * int64(o.Channels) * o.Type.size()
	read, written = x+8*int64(o.Channels), x
	if len(o.Launches()) > 1 {
		read, written = read+x+o.moments(), written+o.moments()
	}
	if o.ScaleShift.Stride > 0 {
		read += int64(o.Images) * 2 * int64(o.Channels) * o.Type.size()
	}
	if o.Row.Stride > 0 {
		read += int64(len(o.Launches())) * int64(o.Images) * int64(o.Channels) * o.Type.size()
	}
	return read, written
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
	return cmp.Or(check("LayerNorm", o.Type, map[string]int{"rows": o.Rows, "channels": o.Channels}, o.Channels, o.X, o.Y),
		checkWords("LayerNorm", o.Gamma, o.Beta))
}

// Launches implements [Op].
func (o LayerNorm) Launches() []Launch {
	kernel, _ := name("layer_norm", o.Type, o.Channels, o.X, o.Y, Tensor{At: o.Gamma}, Tensor{At: o.Beta})
	return []Launch{{kernel, tokens(o.Rows), []uint64{o.X.At, o.Y.At, o.Gamma, o.Beta, uint64(o.X.Stride), uint64(o.Y.Stride),
		uint64(o.Rows), i32(o.Channels), cuda.F32(o.Eps)}}}
}

// tokens is the grid of a kernel with a warp for each token.
func tokens(n int) cuda.Geometry {
	const warps = threads / 32
	return cuda.Geometry{Grid: cuda.Dim{X: (n + warps - 1) / warps}, Block: cuda.Dim{X: threads}}
}

// Workspace implements [Op].
func (o LayerNorm) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o LayerNorm) Bytes() (read, written int64) {
	x := int64(o.Rows) * int64(o.Channels) * o.Type.size()
	return x + 8*int64(o.Channels), x
}

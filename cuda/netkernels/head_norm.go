package netkernels

import (
	"cmp"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// HeadNorm moves Tokens of each of Images and, on their way, may divide each head of Dim
// consecutive channels by its root mean square and multiply it by gamma, with Norm, and turn
// pairs of channels by angles of the position, with Turn:
//
//	z       = x / sqrt(mean of x^2 + Eps) * gamma[c]
//	y[2k]   = z[2k] cos - z[2k+1] sin
//	y[2k+1] = z[2k+1] cos + z[2k] sin
//
// The first Still tokens of an image are not turned. XTokens and YTokens are the rows from an
// image to the next, which are more than Tokens where these are a part of a sequence.
type HeadNorm struct {
	Type                       DType
	Images, Tokens, Heads, Dim int
	XTokens, YTokens, Still    int
	Norm, Turn                 bool
	Eps                        float32
	X, Y                       Tensor
	Gamma                      uint64 // [Dim] float32
	Angles                     uint64 // [Tokens-Still, Dim/2, 2] float32: cosine and sine
}

var _ Op = HeadNorm{}

// Validate implements [Op].
func (o HeadNorm) Validate() error {
	if err := check("HeadNorm", o.Type, map[string]int{"images": o.Images, "tokens": o.Tokens, "heads": o.Heads,
		"dimensions": o.Dim}, 0); err != nil {
		return err
	}
	switch {
	case o.Dim > maxDim/o.Heads || int64(o.Images)*int64(o.Tokens)*int64(o.Heads) > maxDim:
		return &Error{"HeadNorm", fmt.Sprintf("%d images of %d tokens of %d heads of %d: more than indexes hold", o.Images,
			o.Tokens, o.Heads, o.Dim)}
	case o.XTokens < o.Tokens || o.YTokens < o.Tokens || o.Still < 0 || o.Still > o.Tokens:
		return &Error{"HeadNorm", fmt.Sprintf("%d tokens, the first %d still, of images %d and %d rows apart", o.Tokens, o.Still,
			o.XTokens, o.YTokens)}
	case o.Turn && o.Dim%2 != 0:
		return &Error{"HeadNorm", fmt.Sprintf("pairs of %d channels", o.Dim)}
	}
	return cmp.Or(check("HeadNorm", o.Type, nil, o.Heads*o.Dim, o.X, o.Y), checkWords("HeadNorm", o.Gamma, o.Angles))
}

// lanes is how many have a head, of v channels each: a power of two within a warp.
func (o HeadNorm) lanes(v int) int {
	n := 1
	for n < 32 && n*v < o.Dim {
		n *= 2
	}
	return n
}

// Launches implements [Op].
func (o HeadNorm) Launches() []Launch {
	kernel, v := name("head_norm", o.Type, o.Dim, o.X, o.Y, Tensor{At: o.Gamma}, Tensor{At: o.Angles})
	lanes, rows := o.lanes(max(v, 2)), int64(o.Images)*int64(o.Tokens)
	g := cuda.Geometry{Grid: cuda.Dim{X: int((rows*int64(o.Heads)*int64(lanes) + threads - 1) / threads)},
		Block: cuda.Dim{X: threads}}
	return []Launch{{kernel, g, []uint64{o.X.At, o.Y.At, o.Gamma, o.Angles, uint64(o.X.Stride), uint64(o.Y.Stride),
		uint64(rows), uint64(o.Tokens), uint64(o.XTokens), uint64(o.YTokens), uint64(o.Still), i32(o.Heads), i32(o.Dim),
		i32(lanes), flag(o.Norm) | flag(o.Turn)<<1, cuda.F32(o.Eps)}}}
}

// Workspace implements [Op].
func (o HeadNorm) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o HeadNorm) Bytes() (read, written int64) {
	written = int64(o.Images) * int64(o.Tokens) * int64(o.Heads) * int64(o.Dim) * o.Type.size()
	read = written
	if o.Norm {
		read += 4 * int64(o.Dim)
	}
	if o.Turn {
		read += 4 * int64(o.Tokens-o.Still) * int64(o.Dim)
	}
	return read, written
}

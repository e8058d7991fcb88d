package netkernels

import "cmp"

// Select is y[n] = x[n, index[n]]: a pixel of each image. Indexes are checked before
// they are uploaded.
type Select struct {
	Type                     DType
	Images, Pixels, Channels int
	Index                    uint64 // [Images] int32
	X, Y                     Tensor
}

var _ Op = Select{}

// Validate implements [Op].
func (o Select) Validate() error {
	return cmp.Or(check("Select", o.Type, map[string]int{"images": o.Images, "pixels": o.Pixels, "channels": o.Channels},
		o.Channels, o.X, o.Y), checkWords("Select", o.Index))
}

// Launches implements [Op].
func (o Select) Launches() []Launch {
	return []Launch{{"select_" + suffixes[o.Type], over(int64(o.Images) * int64(o.Channels)),
		[]uint64{o.X.At, o.Index, o.Y.At, uint64(o.X.Stride), uint64(o.Y.Stride), uint64(o.Images), uint64(o.Pixels),
			i32(o.Channels)}}}
}

// Workspace implements [Op].
func (o Select) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Select) Bytes() (read, written int64) {
	n := int64(o.Images) * int64(o.Channels) * o.Type.size()
	return n + 4*int64(o.Images), n
}

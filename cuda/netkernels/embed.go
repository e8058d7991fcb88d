package netkernels

import "cmp"

// EmbedTime is y[r] = [sin(t[r] f), cos(t[r] f)], the cosines first with Flip, a last 0
// if Dim is odd. With Log the angle is ln(t) * f * 2 pi: Gaussian Fourier features.
type EmbedTime struct {
	Type      DType
	Rows, Dim int // elements of a result
	Flip, Log bool
	T         uint64 // [Rows] float32
	F         uint64 // [Dim/2] float32
	Y         Tensor
}

var _ Op = EmbedTime{}

// Validate implements [Op].
func (o EmbedTime) Validate() error {
	if o.Dim < 2 {
		return &Error{"EmbedTime", "fewer than two elements"}
	}
	return cmp.Or(check("EmbedTime", o.Type, map[string]int{"rows": o.Rows, "elements": o.Dim}, o.Dim, o.Y),
		checkWords("EmbedTime", o.T, o.F))
}

// Launches implements [Op].
func (o EmbedTime) Launches() []Launch {
	return []Launch{{"embed_time_" + suffixes[o.Type], over(int64(o.Rows) * int64(o.Dim/2)),
		[]uint64{o.T, o.F, o.Y.At, uint64(o.Y.Stride), uint64(o.Rows), i32(o.Dim), flag(o.Flip), flag(o.Log)}}}
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Workspace implements [Op].
func (o EmbedTime) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o EmbedTime) Bytes() (read, written int64) {
	return 4 * int64(o.Rows+o.Dim/2), int64(o.Rows) * int64(o.Dim) * o.Type.size()
}

// Lookup is y[r] = table[index[r]]. Indexes are checked before they are uploaded.
type Lookup struct {
	Type      DType
	Rows, Dim int
	Index     uint64 // [Rows] int32
	Table     uint64 // [?, Dim] float32
	Y         Tensor
}

var _ Op = Lookup{}

// Validate implements [Op].
func (o Lookup) Validate() error {
	return cmp.Or(check("Lookup", o.Type, map[string]int{"rows": o.Rows, "elements": o.Dim}, o.Dim, o.Y),
		checkWords("Lookup", o.Index, o.Table))
}

// Launches implements [Op].
func (o Lookup) Launches() []Launch {
	return []Launch{{"lookup_" + suffixes[o.Type], over(int64(o.Rows) * int64(o.Dim)),
		[]uint64{o.Index, o.Table, o.Y.At, uint64(o.Y.Stride), uint64(o.Rows), i32(o.Dim)}}}
}

// Workspace implements [Op].
func (o Lookup) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Lookup) Bytes() (read, written int64) {
	n := int64(o.Rows) * int64(o.Dim)
	return 4*n + 4*int64(o.Rows), n * o.Type.size()
}

package safetensors

import (
	"math"
	"slices"
	"strings"
)

// DType is the element type of a tensor, by its name in the file.
type DType string

// The supported element types. BOOL is one byte, 0 or 1; all others are little-endian.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"  // IEEE 754 binary16
	BF16 DType = "BF16" // the upper half of an F32
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// supported is the list that error messages print.
const supported = "F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL"

// Size is the number of bytes of one element, 0 for a type that is not supported.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Float reports whether [File.Float32s] and [File.Float64s] take the type.
func (d DType) Float() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }

// Tensor describes one tensor of a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // row-major, slowest dimension first; empty for a scalar

	off, size int64 // bytes, from the start of the file
}

// Elems is the number of elements, the product of Shape; 1 for a scalar. For a tensor
// of a [File] it never overflows.
func (t Tensor) Elems() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// clone keeps callers from changing the file's own shape.
func (t Tensor) clone() Tensor {
	t.Shape = slices.Clone(t.Shape)
	return t
}

// find looks a tensor up in a list sorted by name.
func find(sorted []Tensor, name string) (int, bool) {
	return slices.BinarySearchFunc(sorted, name, func(t Tensor, name string) int {
		return strings.Compare(t.Name, name)
	})
}

// byteSize is the size of a tensor in bytes, and false when a dimension is negative or
// the product overflows an int. Dimensions of 0 do not excuse the others: strides must
// be computable from any shape that is let in.
func byteSize(d DType, shape []int) (int, bool) {
	n, empty := d.Size(), false
	for _, s := range shape {
		switch {
		case s < 0:
			return 0, false
		case s == 0:
			empty = true
		case n > math.MaxInt/s:
			return 0, false
		default:
			n *= s
		}
	}
	if empty {
		return 0, true
	}
	return n, true
}

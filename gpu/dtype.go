package gpu

import "fmt"

// DType is the type of a network's input and output on a device. Samples, registers and sums are
// float32 whatever it is; a value is rounded to nearest even when the network's input is written.
type DType int

// The types that kernels exist for.
const (
	Float32 DType = iota
	Float16
	BFloat16
)

var dtypeNames = [...]string{"float32", "float16", "bfloat16"}

// dtypeSuffixes end the names of the kernels.
var dtypeSuffixes = [...]string{"f32", "f16", "bf16"}

// String returns the name that torch has for it, e.g. "float16".
func (d DType) String() string {
	if d.check() != nil {
		return fmt.Sprintf("DType(%d)", int(d))
	}
	return dtypeNames[d]
}

// Size returns the bytes of one element.
func (d DType) Size() int {
	if d == Float32 {
		return 4
	}
	return 2
}

func (d DType) check() error {
	if d < Float32 || d > BFloat16 {
		return fmt.Errorf("gpu: dtype %d: want float32, float16 or bfloat16", int(d))
	}
	return nil
}

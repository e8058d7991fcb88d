package gemm

import "fmt"

// maxDim and maxWeights bound a layer far above any real one, so that sizes cannot overflow and
// offsets fit 32 bits.
const (
	maxDim     = 1 << 20
	maxWeights = 1 << 30
)

// ShapeError tells which argument of NewConv or NewLinear is out of range.
type ShapeError struct {
	Op     string // "conv" or "linear"
	Detail string // the argument, what it was and what is wanted
}

// Error implements error.
func (e *ShapeError) Error() string { return "gemm: " + e.Op + ": " + e.Detail }

// ConvShape is the shape of a 2-D convolution: channels, kernel, the stride of both axes, and the
// rows and columns of zeros around the input.
type ConvShape struct{ OutC, InC, KH, KW, Stride, PadT, PadL, PadB, PadR int }

// k returns the length of each output's sum.
func (s ConvShape) k() int { return s.InC * s.KH * s.KW }

// unpadded tells whether the input can be read in place: no padding, and neighbouring output
// pixels read neighbouring input pixels.
func (s ConvShape) unpadded() bool {
	return s.Stride == 1 && s.PadT == 0 && s.PadL == 0 && s.PadB == 0 && s.PadR == 0
}

// Check returns a *ShapeError unless the shape and the lengths of its parameters fit.
func (s ConvShape) Check(weights, bias int) error {
	dims := []dim{
		{"OutC", s.OutC, 1}, {"InC", s.InC, 1}, {"KH", s.KH, 1}, {"KW", s.KW, 1},
		{"Stride", s.Stride, 1},
		{"PadT", s.PadT, 0}, {"PadL", s.PadL, 0}, {"PadB", s.PadB, 0}, {"PadR", s.PadR, 0},
	}
	if err := checkDims("conv", dims); err != nil {
		return err
	}
	return checkParams("conv", []int{s.OutC, s.InC, s.KH, s.KW}, weights, s.OutC, bias)
}

// CheckLinear returns a *ShapeError unless the dimensions of a linear layer and the lengths of its parameters fit.
func CheckLinear(outF, inF, weights, bias int) error {
	if err := checkDims("linear", []dim{{"outF", outF, 1}, {"inF", inF, 1}}); err != nil {
		return err
	}
	return checkParams("linear", []int{outF, inF}, weights, outF, bias)
}

// dim is an argument and the least it may be.
type dim struct {
	name     string
	v, least int
}

// checkDims returns a *ShapeError for the first dimension out of range.
func checkDims(op string, dims []dim) error {
	for _, d := range dims {
		if d.v < d.least || d.v > maxDim {
			detail := fmt.Sprintf("%s %d, want %d to %d", d.name, d.v, d.least, maxDim)
			return &ShapeError{op, detail}
		}
	}
	return nil
}

// checkParams compares the lengths of weights and bias with the dimensions, each within maxDim.
func checkParams(op string, dims []int, weights, outs, bias int) error {
	n := 1
	for _, d := range dims {
		if n *= d; n > maxWeights {
			return &ShapeError{op, fmt.Sprintf("%v weights, at most %d", dims, maxWeights)}
		}
	}
	if weights != n {
		return &ShapeError{op, fmt.Sprintf("%d weights, want %d for %v", weights, n, dims)}
	}
	if bias != 0 && bias != outs {
		return &ShapeError{op, fmt.Sprintf("%d biases, want %d or none", bias, outs)}
	}
	return nil
}

// ceilDiv returns a/b rounded up.
func ceilDiv(a, b int) int { return (a + b - 1) / b }

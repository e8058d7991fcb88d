//go:build cuda

package device

import (
	"encoding/binary"
	"math"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
)

// reference computes single elements of what an operation graph writes, in float64 and by its formulas. It shares
// no code with any cuDNN.
type reference struct {
	writer map[*cudnn.Tensor]cudnn.Op
	memory map[int64][]byte
	rows   map[*cudnn.Tensor]map[[3]int64][]float64 // of attention: the weights of a query's keys
}

func newReference(g *cudnn.Graph, memory map[int64][]byte) *reference {
	r := &reference{writer: map[*cudnn.Tensor]cudnn.Op{}, memory: memory, rows: map[*cudnn.Tensor]map[[3]int64][]float64{}}
	for _, op := range g.Ops {
		r.writer[op.Writes()] = op
	}
	return r
}

// element is x at an index: computed if an operation writes x, read otherwise. Dimensions of 1 are repeated.
func (r *reference) element(x *cudnn.Tensor, at ...int64) float64 {
	if op := r.writer[x]; op != nil {
		return r.compute(op, at)
	}
	if x.Scalar {
		return float64(x.Value)
	}
	return decode(r.memory[x.ID], x.Type, position(x, at))
}

func position(x *cudnn.Tensor, at []int64) int64 {
	var p int64
	for i, d := range x.Dims {
		if d > 1 {
			p += at[i] * x.Strides[i]
		}
	}
	return p
}

func decode(b []byte, t cudnn.DType, i int64) float64 {
	switch t {
	case cudnn.Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	case cudnn.BFloat16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16))
	}
	h := binary.LittleEndian.Uint16(b[2*i:])
	exponent, fraction := int(h>>10&31), float64(h&1023)
	v := math.Ldexp(1024+fraction, exponent-25)
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		v = math.Inf(1)
		if fraction != 0 {
			return math.NaN()
		}
	}
	return math.Copysign(v, 0.5-float64(h>>15))
}

func (r *reference) compute(op cudnn.Op, at []int64) float64 {
	switch o := op.(type) {
	case cudnn.Conv:
		sum := 0.0
		for i := range o.W.Dims[2] {
			h := at[2]*o.Stride[0] + i - o.Pre[0]
			for j := range o.W.Dims[3] {
				w := at[3]*o.Stride[1] + j - o.Pre[1]
				if h < 0 || w < 0 || h >= o.X.Dims[2] || w >= o.X.Dims[3] {
					continue
				}
				for c := range o.X.Dims[1] {
					sum += r.element(o.X, at[0], c, h, w) * r.element(o.W, at[1], c, i, j)
				}
			}
		}
		return sum
	case cudnn.Matmul:
		sum := 0.0
		for k := range o.A.Dims[2] {
			sum += r.element(o.A, at[0], at[1], k) * r.element(o.B, at[0], k, at[2])
		}
		return sum
	case cudnn.Pointwise:
		x := r.element(o.X, at...)
		switch o.Mode {
		case cudnn.PointwiseAdd:
			return x + r.element(o.B, at...)
		case cudnn.PointwiseMul:
			return x * r.element(o.B, at...)
		case cudnn.PointwiseSiLU:
			return x / (1 + math.Exp(-x))
		case cudnn.PointwiseGELU:
			return x / 2 * (1 + math.Erf(x/math.Sqrt2))
		case cudnn.PointwiseReLU:
			return max(x, 0)
		}
	case cudnn.SDPA:
		sum := 0.0
		for k, w := range r.attention(o, at) {
			sum += w * r.element(o.V, at[0], at[1], int64(k), at[3])
		}
		return sum
	}
	return math.NaN() // no network has another operation
}

// attention is softmax(scale Q K^T) of a query.
func (r *reference) attention(o cudnn.SDPA, at []int64) []float64 {
	if r.rows[o.O] == nil {
		r.rows[o.O] = map[[3]int64][]float64{}
	}
	query := [3]int64(at[:3])
	if w := r.rows[o.O][query]; w != nil {
		return w
	}
	w, most, sum := make([]float64, o.K.Dims[2]), math.Inf(-1), 0.0
	for k := range w {
		for d := range o.Q.Dims[3] {
			w[k] += r.element(o.Q, at[0], at[1], at[2], d) * r.element(o.K, at[0], at[1], int64(k), d)
		}
		w[k] *= r.element(o.Scale)
		most = max(most, w[k])
	}
	for k := range w {
		w[k] = math.Exp(w[k] - most)
		sum += w[k]
	}
	for k := range w {
		w[k] /= sum
	}
	r.rows[o.O][query] = w
	return w
}

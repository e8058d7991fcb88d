package cudnn

import "slices"

// parameters checks what an operation is given besides tensors, and the ranks that they suppose.
func (v *validation) parameters(op Op) error {
	rank := 0
	switch o := op.(type) {
	case Conv:
		rank = 4
		for i := range 2 {
			if o.Pre[i] < 0 || o.Post[i] < 0 || o.Stride[i] <= 0 {
				return v.fail(nil, "zeros before %v and after %v, step %v", o.Pre, o.Post, o.Stride)
			}
		}
		// cuDNN takes it for a convolution in groups, which Conv does not mean.
		if len(o.X.Dims) == rank && len(o.W.Dims) == rank && o.X.Dims[1] != o.W.Dims[1] && o.X.Dims[1]%o.W.Dims[1] == 0 {
			return v.fail(o.W, "weights for %d channels, the images have %d", o.W.Dims[1], o.X.Dims[1])
		}
	case Matmul:
		if a, b, c := len(o.A.Dims), len(o.B.Dims), len(o.C.Dims); a != c || b != c || c < 3 {
			return v.fail(nil, "matmul of %d, %d and %d dimensions: want as many of each, 3 or more", a, b, c)
		}
		// Of two batch sizes cuDNN repeats the one that divides the other.
		for i := range len(o.C.Dims) - 2 {
			a, b, c := o.A.Dims[i], o.B.Dims[i], o.C.Dims[i]
			if a != 1 && a != c || b != 1 && b != c {
				return v.fail(o.C, "batch of %d from %d and %d", c, a, b)
			}
		}
	case Pointwise:
		if o.Mode < PointwiseAdd || o.Mode > PointwiseReLU {
			return v.fail(nil, "unknown function %d", int(o.Mode))
		}
		if two := o.Mode == PointwiseAdd || o.Mode == PointwiseMul; two != (o.B != nil) {
			return v.fail(nil, "%v with %d operands", o.Mode, len(o.Reads()))
		}
		if o.B != nil && !o.B.Scalar && !repeats(o.B, o.X) {
			return v.fail(o.B, "dimensions %d cannot be repeated to %d", o.B.Dims, o.X.Dims)
		}
		if !slices.Equal(o.Y.Dims, o.X.Dims) {
			return v.fail(o.Y, "dimensions %d: want %d", o.Y.Dims, o.X.Dims)
		}
		return v.second(o)
	case Reduction:
		if o.Mode < ReduceAdd || o.Mode > ReduceMax {
			return v.fail(nil, "unknown reduction %d", int(o.Mode))
		}
		if !repeats(o.Y, o.X) {
			return v.fail(o.Y, "dimensions %d are no reduction of %d", o.Y.Dims, o.X.Dims)
		}
	case LayerNorm:
		if !o.Epsilon.Scalar {
			return v.fail(o.Epsilon, "epsilon is no scalar")
		}
		if !slices.Equal(o.Y.Dims, o.X.Dims) {
			return v.fail(o.Y, "dimensions %d: want %d", o.Y.Dims, o.X.Dims)
		}
		if !repeats(o.Scale, o.X) || !slices.Equal(o.Bias.Dims, o.Scale.Dims) {
			return v.fail(o.Scale, "scale %d and bias %d for %d", o.Scale.Dims, o.Bias.Dims, o.X.Dims)
		}
	case SDPA:
		if !o.Scale.Scalar {
			return v.fail(o.Scale, "the scale is no scalar")
		}
		rank = 4
		// cuDNN shares heads of K and V among those of Q.
		if len(o.Q.Dims) == rank && len(o.K.Dims) == rank && o.Q.Dims[1] != o.K.Dims[1] {
			return v.fail(o.K, "%d heads, Q has %d", o.K.Dims[1], o.Q.Dims[1])
		}
	case Resample:
		if o.Mode < ResampleNearest || o.Mode > ResampleAverage || o.Window[0] <= 0 || o.Window[1] <= 0 {
			return v.fail(nil, "mode %d, window %v", int(o.Mode), o.Window)
		}
		rank = 4
	}
	for _, x := range append(op.Reads(), op.Writes()) {
		if rank != 0 && len(x.Dims) != rank {
			return v.fail(x, "%d dimensions in a %s: want %d", len(x.Dims), op.Kind(), rank)
		}
	}
	return nil
}

// repeats tells whether x has the dimensions of y, or 1 where it is repeated.
func repeats(x, y *Tensor) bool {
	if len(x.Dims) != len(y.Dims) {
		return false
	}
	for i := range x.Dims {
		if x.Dims[i] != 1 && x.Dims[i] != y.Dims[i] {
			return false
		}
	}
	return true
}

// second refuses second operands for which cuDNN has plans that compute something else (9.14 and 9.19 on an
// H200): a vector of every image is read as if its images lay one element apart, or from an address that no
// access allows; and engines of full precision read a float32 image by the strides of the result.
func (v *validation) second(o Pointwise) error {
	b, x := o.B, o.X
	if b == nil || b.Scalar || len(b.Dims) != 4 || len(x.Dims) != 4 {
		return nil
	}
	if b.Dims[0] > 1 && (b.Dims[2] < x.Dims[2] || b.Dims[3] < x.Dims[3]) {
		return v.fail(b, "dimensions %d: a vector of every image is not repeated over its pixels", b.Dims)
	}
	last := value(v.g.Ops[len(v.g.Ops)-1])
	if last == nil || b.Type != Float32 || b.Virtual || !x.Virtual || !slices.Equal(b.Dims, x.Dims) {
		return nil
	}
	if y := last.Writes(); y != nil && !slices.Equal(b.Strides, y.Strides) {
		return v.fail(b, "strides %d: float32 images are laid out as the result is, %d", b.Strides, y.Strides)
	}
	return nil
}

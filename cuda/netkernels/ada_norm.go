package netkernels

import "github.com/cudiffuse/cudiffuse/cuda"

// AdaLayerNorm is y = (x - mean)/sqrt(var + Eps) * (1 + scale) + shift over the channels of
// each of Rows pixels, with vectors of the image, RowsPerImage of each, as diffusion
// transformers have it (Peebles and Xie, 2022, arXiv:2212.09748).
type AdaLayerNorm struct {
	Type                         DType
	Rows, RowsPerImage, Channels int
	Eps                          float32
	X, Y                         Tensor
	Scale, Shift                 Tensor // of one Stride, from image to image
}

var _ Op = AdaLayerNorm{}

// Validate implements [Op].
func (o AdaLayerNorm) Validate() error {
	if o.Scale.Stride != o.Shift.Stride {
		return &Error{"AdaLayerNorm", "scale and shift of two strides"}
	}
	return check("AdaLayerNorm", o.Type, map[string]int{"rows": o.Rows, "rows of an image": o.RowsPerImage,
		"channels": o.Channels}, o.Channels, o.X, o.Y, o.Scale, o.Shift)
}

// Launches implements [Op].
func (o AdaLayerNorm) Launches() []Launch {
	kernel, _ := name("ada_layer_norm", o.Type, o.Channels, o.X, o.Y, o.Scale, o.Shift)
	return []Launch{{kernel, tokens(o.Rows), []uint64{o.X.At, o.Y.At, o.Scale.At, o.Shift.At, uint64(o.X.Stride),
		uint64(o.Y.Stride), uint64(o.Scale.Stride), uint64(o.Rows), uint64(o.RowsPerImage), i32(o.Channels), cuda.F32(o.Eps)}}}
}

// Workspace implements [Op].
func (o AdaLayerNorm) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o AdaLayerNorm) Bytes() (read, written int64) {
	x := int64(o.Rows) * int64(o.Channels) * o.Type.size()
	images := int64((o.Rows + o.RowsPerImage - 1) / o.RowsPerImage)
	return x + 2*images*int64(o.Channels)*o.Type.size(), x
}

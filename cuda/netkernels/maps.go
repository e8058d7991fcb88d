package netkernels

import (
	"cmp"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// GEGLU is y[r,c] = x[r,c] * gelu(x[r,Channels+c]) over Rows pixels.
type GEGLU struct {
	Type           DType
	Rows, Channels int // of the result
	X, Y           Tensor
}

var _ Op = GEGLU{}

// Validate implements [Op].
func (o GEGLU) Validate() error {
	if o.X.Stride < 2*o.Channels {
		return &Error{"GEGLU", fmt.Sprintf("pixels %d elements apart, with %d channels", o.X.Stride, 2*o.Channels)}
	}
	return check("GEGLU", o.Type, map[string]int{"rows": o.Rows, "channels": o.Channels}, o.Channels, o.X, o.Y)
}

// Launches implements [Op].
func (o GEGLU) Launches() []Launch {
	kernel, v := name("geglu", o.Type, o.Channels, o.X, o.Y)
	return []Launch{{kernel, over(int64(o.Rows) * int64(o.Channels/v)),
		[]uint64{o.X.At, o.Y.At, uint64(o.X.Stride), uint64(o.Y.Stride), uint64(o.Rows), i32(o.Channels)}}}
}

// Workspace implements [Op].
func (o GEGLU) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o GEGLU) Bytes() (read, written int64) {
	y := int64(o.Rows) * int64(o.Channels) * o.Type.size()
	return 2 * y, y
}

// ResizeMode is how [Resize] changes the size, by the formulas of package model.
type ResizeMode int

// The modes.
const (
	UpNearest ResizeMode = iota // to 2H x 2W, or one less of each
	DownMean
	UpFIR
	DownFIR
)

// Resize changes the size of images from H x W to OH x OW.
type Resize struct {
	Type                           DType
	Mode                           ResizeMode
	Images, H, W, OH, OW, Channels int
	X, Y                           Tensor
}

var _ Op = Resize{}

// Validate implements [Op].
func (o Resize) Validate() error {
	fits := func(n, out int) bool {
		switch o.Mode {
		case UpNearest:
			return out == 2*n || out == 2*n-1
		case UpFIR:
			return out == 2*n
		case DownMean:
			return out == n/2
		case DownFIR:
			return n >= 2 && out == (n-2)/2+1
		}
		return false
	}
	if !fits(o.H, o.OH) || !fits(o.W, o.OW) {
		return &Error{"Resize", fmt.Sprintf("mode %d from %dx%d to %dx%d", int(o.Mode), o.H, o.W, o.OH, o.OW)}
	}
	return check("Resize", o.Type, map[string]int{"images": o.Images, "height": o.H, "width": o.W, "channels": o.Channels,
		"height of the result": o.OH, "width of the result": o.OW}, o.Channels, o.X, o.Y)
}

// Launches implements [Op].
func (o Resize) Launches() []Launch {
	kernel, v := name("resize", o.Type, o.Channels, o.X, o.Y)
	return []Launch{{kernel, over(int64(o.Images) * int64(o.OH) * int64(o.OW) * int64(o.Channels/v)),
		[]uint64{o.X.At, o.Y.At, uint64(o.X.Stride), uint64(o.Y.Stride), i32(o.Images), i32(o.H), i32(o.W), i32(o.OH),
			i32(o.OW), i32(o.Channels), i32(int(o.Mode))}}}
}

// Workspace implements [Op].
func (o Resize) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Resize) Bytes() (read, written int64) {
	n := int64(o.Images) * int64(o.Channels) * o.Type.size()
	return n * int64(o.H) * int64(o.W), n * int64(o.OH) * int64(o.OW)
}

// PointwiseOp is an element-wise function.
type PointwiseOp int

// The functions.
const (
	Copy     PointwiseOp = iota // x
	Activate                    // act(x)
	Affine                      // x*Mul + Add
	Sum                         // (x + b) / Add
	AddRow                      // x + b, b a vector of the image
	DivRow                      // x / t, t a float32 of the image
	AddImage                    // x + b, b of the RowsPerImage rows of one image, for all of them
	Gate                        // x + g*b, g a vector of the image, each operation rounded
)

// Pointwise is y = f(x, b) over Rows pixels, RowsPerImage of each image.
type Pointwise struct {
	Type                         DType
	Op                           PointwiseOp
	Act                          Activation
	Rows, RowsPerImage, Channels int
	X, B, Y                      Tensor // B of those that have a b
	G                            Tensor // of Gate
	T                            uint64 // of DivRow
	Mul, Add                     float32
}

var _ Op = Pointwise{}

// Validate implements [Op].
func (o Pointwise) Validate() error {
	tensors := []Tensor{o.X, o.Y}
	switch o.Op {
	case Copy, Activate, Affine, DivRow:
	case Sum, AddRow, AddImage:
		tensors = append(tensors, o.B)
	case Gate:
		tensors = append(tensors, o.B, o.G)
	default:
		return &Error{"Pointwise", fmt.Sprintf("function %d", int(o.Op))}
	}
	return cmp.Or(checkAct("Pointwise", o.Act), checkWords("Pointwise", o.T), check("Pointwise", o.Type,
		map[string]int{"rows": o.Rows, "rows of an image": o.RowsPerImage, "channels": o.Channels}, o.Channels, tensors...))
}

// Launches implements [Op].
func (o Pointwise) Launches() []Launch {
	kernel, v := name("pointwise", o.Type, o.Channels, o.X, o.Y, o.B, o.G)
	return []Launch{{kernel, over(int64(o.Rows) * int64(o.Channels/v)), []uint64{o.X.At, o.B.At, o.Y.At, o.T,
		uint64(o.X.Stride), uint64(o.B.Stride), uint64(o.Y.Stride), uint64(o.Rows), uint64(o.RowsPerImage),
		i32(o.Channels), i32(int(o.Op)), i32(int(o.Act)), cuda.F32(o.Mul), cuda.F32(o.Add),
		o.G.At, uint64(o.G.Stride)}}}
}

// Workspace implements [Op].
func (o Pointwise) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Pointwise) Bytes() (read, written int64) {
	n := int64(o.Rows) * int64(o.Channels) * o.Type.size()
	images := int64((o.Rows + o.RowsPerImage - 1) / o.RowsPerImage)
	switch o.Op {
	case Sum:
		return 2 * n, n
	case AddRow:
		return n + images*int64(o.Channels)*o.Type.size(), n
	case DivRow:
		return n + 4*images, n
	case AddImage:
		return n + int64(o.RowsPerImage)*int64(o.Channels)*o.Type.size(), n
	case Gate:
		return 2*n + images*int64(o.Channels)*o.Type.size(), n
	}
	return n, n
}

// Layout moves images between [N, C, H, W] and rows of pixels. With Index, row n holds
// image Index[n]: some images of a batch are taken, or written.
type Layout struct {
	Type                     DType
	ToRows                   bool
	Images, Pixels, Channels int    // Images are those that move
	Image                    uint64 // [?, Channels, Pixels], of Type, or of ImageType with Convert
	Index                    uint64 // [Images] int32, checked before it is uploaded; 0 for 0, 1, 2, ...
	Convert                  bool
	ImageType                DType
	Rows                     Tensor
}

var _ Op = Layout{}

// imageType is the type of [N, C, H, W].
func (o Layout) imageType() DType {
	if o.Convert {
		return o.ImageType
	}
	return o.Type
}

// Validate implements [Op].
func (o Layout) Validate() error {
	counts := map[string]int{"images": o.Images, "pixels": o.Pixels, "channels": o.Channels}
	return cmp.Or(check("Layout", o.Type, counts, o.Channels, o.Rows), checkWords("Layout", o.Index),
		check("Layout", o.imageType(), nil, o.Channels, Tensor{o.Image, o.Channels}))
}

// tileChannels is the number from which images turn in tiles.
const tileChannels = 16

// Launches implements [Op].
func (o Layout) Launches() []Launch {
	kernel := "from_nhwc_"
	if o.ToRows {
		kernel = "to_nhwc_"
	}
	g := over(int64(o.Images) * int64(o.Pixels))
	if o.Channels >= tileChannels {
		kernel += "tiled_"
		g = over(threads * int64(o.Images) * int64((o.Pixels+31)/32) * int64((o.Channels+31)/32))
	}
	return []Launch{{kernel + suffixes[o.Type], g, []uint64{o.Image, o.Rows.At, o.Index, uint64(o.Rows.Stride),
		uint64(o.Images), uint64(o.Pixels), i32(o.Channels), i32(int(o.imageType()))}}}
}

// Workspace implements [Op].
func (o Layout) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Layout) Bytes() (read, written int64) {
	n := int64(o.Images) * int64(o.Pixels) * int64(o.Channels)
	read, written = n*o.imageType().size(), n*o.Type.size()
	if !o.ToRows {
		read, written = written, read
	}
	if o.Index != 0 {
		read += 4 * int64(o.Images)
	}
	return read, written
}

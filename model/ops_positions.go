package model

// CroppedPositions adds the middle of a square table of positions, y[n,c,h,w] = x[n,c,h,w] +
// table[top+h,left+w,c] with top = (Side-H)/2 and left = (Side-W)/2, rounded down (diffusers'
// PatchEmbed.cropped_pos_embed).
type CroppedPositions struct {
	Base
	X              TensorID
	Table          ParamID // [1, Side*Side, Channels]
	Side, Channels int
}

// Kind implements [Op].
func (CroppedPositions) Kind() string { return "CroppedPositions" }

// Reads implements [Op].
func (o CroppedPositions) Reads() []TensorID { return []TensorID{o.X} }

func (o CroppedPositions) params() []paramUse {
	return []paramUse{{o.Table, []int{1, o.Side * o.Side, o.Channels}}}
}

func (o CroppedPositions) inPlace() TensorID { return o.X }

func (o CroppedPositions) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.C != o.Channels || x.H > o.Side || x.W > o.Side {
		return Shape{}, opShapeError(o, "operand %v, wanted %d channels and a height and width of "+
			"at most %d", x, o.Channels, o.Side)
	}
	return x, nil
}

// croppedPositions is the part [C, H, W] of the table of a [CroppedPositions].
func croppedPositions(o CroppedPositions, table []float32, x Shape) []float32 {
	y := make([]float32, x.Len())
	top, left := (o.Side-x.H)/2, (o.Side-x.W)/2
	pixels := x.H * x.W
	for p := range pixels {
		at := (top+p/x.W)*o.Side + left + p%x.W
		for c, v := range table[at*x.C : (at+1)*x.C] {
			y[c*pixels+p] = v
		}
	}
	return y
}

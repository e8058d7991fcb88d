package netkernels

// Shuffle makes channels of blocks of Side x Side pixels, or, with Back, pixels of channels:
// images of H x W blocks, Channels of a pixel. Channel c of pixel (p, q) of a block is number
// (p*Side+q)*Channels + c there or, with ChannelsFirst, (c*Side+p)*Side + q.
type Shuffle struct {
	Type                         DType
	Back, ChannelsFirst          bool
	Images, H, W, Side, Channels int
	X, Y                         Tensor
}

var _ Op = Shuffle{}

// Validate implements [Op].
func (o Shuffle) Validate() error {
	counts := map[string]int{"images": o.Images, "height": o.H, "width": o.W, "side": o.Side, "channels": o.Channels}
	if err := check("Shuffle", o.Type, counts, o.Channels, o.X, o.Y); err != nil {
		return err
	}
	blocks := o.Y
	if o.Back {
		blocks = o.X
	}
	const most = maxDim
	switch {
	case o.Side > most/o.Side || o.Channels > most/(o.Side*o.Side):
		return &Error{"Shuffle", "more channels of a block than an index holds"}
	case int64(o.H)*int64(o.Side) > most || int64(o.W)*int64(o.Side) > most:
		return &Error{"Shuffle", "a larger image than an index holds"}
	}
	return check("Shuffle", o.Type, nil, o.Channels*o.Side*o.Side, blocks)
}

// Launches implements [Op].
func (o Shuffle) Launches() []Launch {
	kernel := "shuffle_"
	if o.Back {
		kernel = "unshuffle_"
	}
	return []Launch{{kernel + suffixes[o.Type], over(o.elements()), []uint64{o.X.At, o.Y.At, uint64(o.X.Stride),
		uint64(o.Y.Stride), uint64(o.Images), i32(o.H), i32(o.W), i32(o.Side), i32(o.Channels), flag(o.ChannelsFirst)}}}
}

func (o Shuffle) elements() int64 {
	return int64(o.Images) * int64(o.H) * int64(o.W) * int64(o.Side) * int64(o.Side) * int64(o.Channels)
}

// Workspace implements [Op].
func (o Shuffle) Workspace() int64 { return 0 }

// Bytes implements [Op].
func (o Shuffle) Bytes() (read, written int64) {
	n := o.elements() * o.Type.size()
	return n, n
}

package gemm

// Packing tells what memory packed weights take. The zero value is a copy, and Winograd's weights beside it
// where [ConvShape.WinogradBytes] says so.
type Packing struct {
	// InPlace packs the weights in their own memory, which then is the layer's and holds them in another
	// order. A linear layer whose outputs do not fill its tiles takes a copy all the same.
	InPlace bool
	// Spare is memory for that, of any content; with fewer floats than the weights have it is not used.
	Spare []float32
	// Lean keeps no transformed weights of Winograd's method: every Run makes them, to the same bits.
	Lean bool
}

// room is memory for n packed weights.
func (o *Packing) room(n int) []float32 {
	if o.InPlace && len(o.Spare) >= n {
		return o.Spare[:n]
	}
	return make([]float32, n)
}

// settle puts what was packed where it is to stay.
func (o *Packing) settle(packed, weights []float32) []float32 {
	if !o.InPlace || len(packed) != len(weights) {
		return packed
	}
	copy(weights, packed)
	return weights
}

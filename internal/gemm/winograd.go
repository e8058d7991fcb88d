package gemm

// Winograd's convolution F(4x4, 3x3): each 4x4 tile of the output costs 36 products per pair of
// channels in place of 144. See Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
// (2016), arXiv:1509.09308. With g a kernel and d the 6x6 input pixels of a tile,
//
//	Y = A' [ sum over channels of (G g G') * (B' d B) ] A
//
// where * multiplies elements and ' transposes. The matrices follow from the interpolation points
// 0, a, -a, b, -b and infinity. The usual 1 and 2 make the error six times the direct method's;
// points near 1/sqrt(2) and sqrt(2), which balance the matrices, make it about 1.5 times (see
// Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
// Neural Networks", 2020, arXiv:1803.10986, for the choice of points). These have few bits, so that
// float32 holds their powers exactly.
const (
	winoA = 11.0 / 16
	winoB = 11.0 / 8
)

// The sizes of F(4x4, 3x3).
const (
	winoOut   = 4                     // side of an output tile
	winoIn    = winoOut + 2           // side of its input
	winoTerms = winoIn * winoIn       // products of a tile
	winoLoad  = winoOut * winoOut / 2 // output pixels a tile must have on average
	winoMax   = 1 << 18               // most pairs of channels for which 36 weights each are kept
	winoLeast = 16                    // fewest channels on either side
	winoPhase = 8                     // phases of rows are padded to a multiple of this
)

// isWinograd tells whether a convolution may go that way.
func (s ConvShape) isWinograd() bool {
	return s.KH == 3 && s.KW == 3 && s.Stride == 1 && min(s.OutC, s.InC) >= winoLeast
}

// WinogradBytes is the memory of the transformed weights that [NewConv] keeps for a shape beside the
// others, 0 for most.
func (s ConvShape) WinogradBytes() int64 {
	if !s.isWinograd() || s.OutC > winoMax/s.InC {
		return 0
	}
	return 4 * winoTerms * int64(s.OutC) * int64(s.InC)
}

// winoWeights is G g G'. Row p of G is (1, p, p²) over the product of p's distances to the other
// finite points, that of infinity (0, 0, 1).
func winoWeights(g *[9]float32) (u [winoTerms]float32) {
	var gg [3][winoIn]float64
	for j := range gg {
		gg[j] = winoWeights1(float64(g[j]), float64(g[3+j]), float64(g[6+j]))
	}
	for i := range winoIn {
		for j, v := range winoWeights1(gg[0][i], gg[1][i], gg[2][i]) {
			u[i*winoIn+j] = float32(v)
		}
	}
	return u
}

// winoWeights1 is G g for one column or row. The conversions keep every compiler from fusing.
func winoWeights1(g0, g1, g2 float64) [winoIn]float64 {
	const a2, b2 = winoA * winoA, winoB * winoB
	const n0, na, nb = 1 / (a2 * b2), 1 / (2 * a2 * (a2 - b2)), 1 / (2 * b2 * (b2 - a2))
	ea, oa := float64(na*g0)+float64(na*a2*g2), float64(na*winoA*g1)
	eb, ob := float64(nb*g0)+float64(nb*b2*g2), float64(nb*winoB*g1)
	return [winoIn]float64{n0 * g0, ea + oa, ea - oa, eb + ob, eb - ob, g2}
}

// winoTiles returns the tiles down and across an output.
func winoTiles(oh, ow int) (th, tw int) { return ceilDiv(oh, winoOut), ceilDiv(ow, winoOut) }

// useWinograd tells whether images of h x w pixels go that way. It depends on nothing else but how the
// layer was packed, so that neither do the bits.
func (c *Conv) useWinograd(h, w int) bool {
	if c.wino == nil && !c.lean {
		return false
	}
	oh, ow := c.OutSize(h, w)
	th, tw := winoTiles(oh, ow)
	return winoFills(oh, ow) && (c.wino != nil || th*tw >= leanTiles)
}

// winoFills tells whether an output fills its tiles well enough.
func winoFills(oh, ow int) bool {
	th, tw := winoTiles(oh, ow)
	return oh*ow >= th*tw*winoLoad
}

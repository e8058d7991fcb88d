package gemm

import "github.com/cudiffuse/cudiffuse/internal/fma"

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
	winoNear  = 1 << 19               // the most floats of them that are read anew for few tiles
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

// The factors of G: row p is (1, p, p²) over the product of p's distances to the other finite points.
const (
	winoG0 = 1 / (winoA2 * winoB2)
	winoGA = 1 / (2 * winoA2 * (winoA2 - winoB2))
	winoGB = 1 / (2 * winoB2 * (winoB2 - winoA2))
)

// winoWeights is G g G'.
func winoWeights(g *[9]float32) (u [winoTerms]float32) {
	var gg [3][winoIn]float32
	for j := range gg {
		gg[j] = winoWeights1(g[j], g[3+j], g[6+j])
	}
	for i := range winoIn {
		row := winoWeights1(gg[0][i], gg[1][i], gg[2][i])
		copy(u[i*winoIn:], row[:])
	}
	return u
}

// winoWeights1 is G g for one column or row; the row of infinity is (0, 0, 1).
func winoWeights1(g0, g1, g2 float32) [winoIn]float32 {
	a := fma.Float32(winoGA*winoA2, g2, float32(winoGA*g0))
	b := fma.Float32(winoGB*winoB2, g2, float32(winoGB*g0))
	return [winoIn]float32{
		winoG0 * g0,
		fma.Float32(winoGA*winoA, g1, a), fma.Float32(-winoGA*winoA, g1, a),
		fma.Float32(winoGB*winoB, g1, b), fma.Float32(-winoGB*winoB, g1, b),
		g2,
	}
}

// winoTiles returns the tiles down and across an output.
func winoTiles(oh, ow int) (th, tw int) { return ceilDiv(oh, winoOut), ceilDiv(ow, winoOut) }

// useWinograd tells whether images of h x w pixels go that way. It depends on nothing else, so that neither
// do the bits.
func (c *Conv) useWinograd(h, w int) bool {
	oh, ow := c.OutSize(h, w)
	return !c.direct && c.shape.isWinograd() && winoFills(oh, ow)
}

// keepsWinograd tells whether the transformed weights are used that are kept: for many tiles, or weights that a
// second-level cache holds.
func (c *Conv) keepsWinograd(tiles int) bool {
	return c.wino != nil && (tiles > lanes || tiles > thinTiles && len(c.wino.u) <= winoNear)
}

// winoFills tells whether an output fills its tiles well enough.
func winoFills(oh, ow int) bool {
	th, tw := winoTiles(oh, ow)
	return oh*ow >= th*tw*winoLoad
}

//go:build !amd64

package model

// haveSIMD tells whether this processor runs the assembly; there is none for this
// architecture.
const haveSIMD = false

// haveWide is haveSIMD for vectors of 16.
const haveWide = false

func siluSIMD(dst, src []float32, scale, shift float32) { siluMapGeneric(dst, src, scale, shift) }

func affineSIMD(dst, src []float32, scale, shift float32) {
	affineMapGeneric(dst, src, scale, shift)
}

func sumSIMD(dst, a, b []float32) { sumMapGeneric(dst, a, b) }

func momentLanesSIMD(sums *[2 * momentLanes]float64, x []float32) { momentLanesGeneric(sums, x) }

func geluSIMD(dst, src []float32, scale, shift float32) { geluMapGeneric(dst, src, scale, shift) }

func gegluSIMD(dst, x, gate []float32) { gegluMapGeneric(dst, x, gate) }

func pixelMomentsSIMD(sum, sq []float64, x []float32, channels, stride int) {
	pixelMomentsGeneric(sum, sq, x, channels, stride)
}

func normaliseSIMD(y, x []float32, mean, rstd []float64, gamma, beta float64) {
	normaliseGeneric(y, x, mean, rstd, gamma, beta)
}

func softmaxSIMD(s []float32, scale float32, state []float32) { softmaxTileGeneric(s, scale, state) }

func mulBlockSIMD(rows, k int, dst, a, b []float32, rowStride, stride int, factor []float32) {
	mulBlockGeneric(rows, k, dst, a, b, rowStride, stride, factor)
}

func mulPairSIMD(int, int, [2][]float32, []float32, [2][]float32, int, int, [2][]float32) {}

func scaleRowsSIMD([]float32, int, []float32, []float32, int) {}

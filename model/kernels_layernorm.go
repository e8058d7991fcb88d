package model

// pixelMoments makes the sums of neighbouring pixels over channels that lie stride apart, and the sums of their
// squares, channel after channel from +0. x begins at the first pixel.
func pixelMoments(sum, sq []float64, x []float32, channels, stride int) {
	sq = sq[:len(sum)]
	x = x[:len(x):len(x)][:(channels-1)*stride+len(sum)] // the assembly checks nothing
	n := 0
	if simd {
		n = len(sum) &^ 15
		pixelMomentsSIMD(sum[:n], sq[:n], x, channels, stride)
	}
	if n < len(sum) {
		pixelMomentsGeneric(sum[n:], sq[n:], x[n:], channels, stride)
	}
}

// normalise is y = (x - mean)*rstd*gamma + beta, element by element.
func normalise(y, x []float32, mean, rstd []float64, gamma, beta float64) {
	y, mean, rstd = y[:len(x)], mean[:len(x)], rstd[:len(x)]
	n := 0
	if simd {
		n = len(x) &^ 7
		normaliseSIMD(y[:n], x[:n], mean[:n], rstd[:n], gamma, beta)
	}
	normaliseGeneric(y[n:], x[n:], mean[n:], rstd[n:], gamma, beta)
}

// pixelMomentsGeneric is pixelMoments in Go.
func pixelMomentsGeneric(sum, sq []float64, x []float32, channels, stride int) {
	clear(sum)
	clear(sq)
	sq = sq[:len(sum)]
	for c := range channels {
		for j, v := range x[c*stride:][:len(sum)] {
			a := float64(v)
			sum[j] += a
			sq[j] += float64(a * a)
		}
	}
}

// normaliseGeneric is normalise in Go.
func normaliseGeneric(y, x []float32, mean, rstd []float64, gamma, beta float64) {
	y, mean, rstd = y[:len(x)], mean[:len(x)], rstd[:len(x)]
	for j, v := range x {
		z := float64((float64(v) - mean[j]) * rstd[j])
		y[j] = float32(float64(z*gamma) + beta)
	}
}

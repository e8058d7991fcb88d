package model

// addMoments adds x to sum and its squares to sq, element by element.
func addMoments(sum, sq []float64, x []float32) {
	sum, sq = sum[:len(x)], sq[:len(x)]
	n := 0
	if simd {
		n = len(x) &^ 7
		addMomentsSIMD(sum[:n], sq[:n], x[:n])
	}
	addMomentsGeneric(sum[n:], sq[n:], x[n:])
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

// addMomentsGeneric is addMoments in Go.
func addMomentsGeneric(sum, sq []float64, x []float32) {
	sum, sq = sum[:len(x)], sq[:len(x)]
	for j, v := range x {
		a := float64(v)
		sum[j] += a
		sq[j] += float64(a * a)
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

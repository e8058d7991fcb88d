package prompt

import "math"

// maxRestore bounds the factor that restores a mean.
const maxRestore = 1e6

// Emphasize applies the weights w of a chunk to its hidden states z, [len(w), dim], in place. This is the
// emphasis "Original" of A1111's modules/sd_emphasis.py:
//
//	y[t,i] = w[t] z[t,i]
//	z[t,i] = y[t,i] mean(z)/mean(y)    the means over all t and i
//
// The second line keeps the mean of the hidden states, which the network was trained with. It is left out
// where mean(y) is 0, or so near that the factor would be above 1e6. If all weights are 1 nothing changes, not
// a bit. The means are computed in float64. len(z) must be a multiple of len(w).
func Emphasize(z, w []float32) {
	if Plain(w) {
		return
	}
	dim := len(z) / len(w)
	var before, after float64
	for t, v := range w {
		row := z[t*dim:][:dim]
		for i, x := range row {
			row[i] = x * v
			before += float64(x)
			after += float64(row[i])
		}
	}
	factor := before / after
	if !(math.Abs(factor) <= maxRestore) { // also NaN
		return
	}
	for i := range z {
		z[i] *= float32(factor)
	}
}

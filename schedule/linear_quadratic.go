package schedule

import "math"

// LinearQuadratic is the schedule of Mochi and LTX-Video, linear_quadratic in ComfyUI (Mochi's reference function
// is linear_quadratic_schedule). It removes the share threshold of the noise in the first linear steps, evenly,
// and the rest in the others, along the parabola that goes on with the same slope and reaches 0 at step n. With
// m the linear steps, q = n - m, e threshold and c = (m - e*n)/(m*q^2):
//
//	removed[i] = e*i/m                    i <= m
//	           = e*i/m + c*(i-m)^2        i > m
//
// The levels are max*(1-removed). linear 0 means n/2, and ComfyUI's threshold is 0.025. It returns n levels, the
// first of them max; the next would be 0. One step is max alone.
func LinearQuadratic(n int, smax, threshold float64, linear int) ([]float64, error) {
	if err := checkLevels(n, math.SmallestNonzeroFloat64, smax); err != nil {
		return nil, err
	}
	if !(threshold > 0 && threshold < 1) {
		return nil, &Error{Field: "threshold", Value: threshold, Want: "a number between 0 and 1, usually 0.025"}
	}
	if n == 1 {
		return []float64{smax}, nil
	}
	if linear == 0 {
		linear = n / 2
	}
	if linear < 1 || linear >= n {
		return nil, &Error{Field: "linear steps", Value: linear, Want: "at least 1 and fewer than the steps"}
	}
	m, q := float64(linear), float64(n-linear)
	c := (m - threshold*float64(n)) / (m * q * q)
	v := make([]float64, n)
	for i := range v {
		over := math.Max(0, float64(i)-m)
		v[i] = smax * (1 - threshold*float64(i)/m - c*over*over)
	}
	return v, checkFalling(v)
}

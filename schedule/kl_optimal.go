package schedule

import "math"

// KLOptimal spaces atan(s) evenly: the levels that minimise the bound on the Kullback-Leibler divergence
// between the sampler's distribution and the data's for a Gaussian (Sabour et al. 2024, "Align Your Steps",
// arXiv:2404.14507, Theorem 3.1), as ComfyUI's kl_optimal_scheduler does:
//
//	s[i] = tan((1 - i/(n-1))*atan(max) + i/(n-1)*atan(min))
//
// A1111's kl_optimal takes one level more and ends at min in place of 0: n+1 levels here, or a [Grid] that
// ends at [FinalSigmaMin].
func KLOptimal(n int, smin, smax float64) ([]float64, error) {
	if err := checkLevels(n, smin, smax); err != nil {
		return nil, err
	}
	v := linspace(math.Atan(smax), math.Atan(smin), n)
	for i, a := range v {
		v[i] = math.Tan(a)
	}
	if v[0] = smax; n > 1 { // the ends without the rounding of tan(atan)
		v[n-1] = smin
	}
	return v, checkFalling(v)
}

package model

// momentLanes is how many sums run beside each other in groupMoments: four vectors of AVX2 of
// float64, so that no processor waits for one sum before the next.
const momentLanes = 16

// groupMoments returns mean and biased variance. The sums are in float64, where squares of float32
// are exact, in lanes that are added in a fixed order at the end.
func groupMoments(x []float32) (mean, variance float64) {
	var s [2 * momentLanes]float64 // sums, then sums of squares
	whole := len(x) &^ (momentLanes - 1)
	if simd {
		momentLanesSIMD(&s, x[:whole])
	} else {
		momentLanesGeneric(&s, x[:whole])
	}
	for j, v := range x[whole:] {
		a := float64(v)
		s[j] += a
		s[momentLanes+j] += float64(a * a)
	}
	for k := momentLanes / 2; k > 0; k /= 2 {
		for j := range k {
			s[j] += s[j+k]
			s[momentLanes+j] += s[momentLanes+j+k]
		}
	}
	n := float64(len(x))
	mean = s[0] / n
	variance = s[momentLanes]/n - float64(mean*mean)
	if variance < 0 { // rounding; NaN passes
		variance = 0
	}
	return mean, variance
}

// momentLanesGeneric sets lane j to the sum of x[j], x[16+j], x[32+j], ... and lane 16+j to that
// of their squares; the length of x is a multiple of 16. Four lanes at a time stay in registers.
func momentLanesGeneric(lanes *[2 * momentLanes]float64, x []float32) {
	for j := 0; j < momentLanes; j += 4 {
		var s0, s1, s2, s3, q0, q1, q2, q3 float64
		for at := j; at+4 <= len(x); at += momentLanes {
			v := x[at : at+4 : at+4]
			a, b, c, d := float64(v[0]), float64(v[1]), float64(v[2]), float64(v[3])
			s0 += a
			s1 += b
			s2 += c
			s3 += d
			q0 += float64(a * a)
			q1 += float64(b * b)
			q2 += float64(c * c)
			q3 += float64(d * d)
		}
		lanes[j], lanes[j+1], lanes[j+2], lanes[j+3] = s0, s1, s2, s3
		q := lanes[momentLanes+j:][:4]
		q[0], q[1], q[2], q[3] = q0, q1, q2, q3
	}
}

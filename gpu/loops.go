package gpu

//go:generate go run ./neongen

// term is k*r in a sum; k is not 0.
type term struct {
	r []float32
	k float32
}

// sum is y = k0*r0 + k1*r1 + ... from +0, or y += them with more, in one pass, from left to right
// with one rounding per operation. It tells whether y is the sum of any terms by now.
func sum(y []float32, terms []term, more bool) bool {
	for _, t := range terms {
		_ = t.r[:len(y)] // the assembly checks nothing
	}
	if len(terms) == 0 {
		if !more {
			clear(y)
		}
		return more
	}
	done := 0
	if simd != generic {
		done = len(y) &^ 7
		sumSIMD(y[:done], terms, more)
	}
	if done < len(y) {
		sumGeneric(y[done:], terms, done, more)
	}
	return true
}

// sumGeneric is sum of the elements of the terms from first on. The conversions keep the compiler
// from fusing a product into the sum.
func sumGeneric(y []float32, terms []term, first int, more bool) {
	for _, t := range terms {
		r, k := t.r[first:][:len(y)], t.k
		if !more {
			for i, v := range r {
				y[i] = 0 + float32(k*v) // 0 + -0 is +0
			}
			more = true
			continue
		}
		for i, v := range r {
			y[i] += float32(k * v)
		}
	}
}

// scale is y = k*r.
func scale(y []float32, k float32, r []float32) {
	r = r[:len(y)]
	if simd != generic {
		done := len(y) &^ 7
		scaleSIMD(y[:done], k, r)
		y, r = y[done:], r[done:]
	}
	scaleGeneric(y, k, r)
}

func scaleGeneric(y []float32, k float32, r []float32) {
	r = r[:len(y)]
	for i, v := range r {
		y[i] = float32(k * v)
	}
}

// clip limits r to [-c, c] when c > 0.
func clip(y []float32, c float32, r []float32) {
	if !(c > 0) {
		copy(y, r)
		return
	}
	r = r[:len(y)]
	if simd != generic {
		done := len(y) &^ 7
		clipSIMD(y[:done], c, r)
		y, r = y[done:], r[done:]
	}
	clipGeneric(y, c, r)
}

// clipGeneric is the two comparisons of the kernel without their branches, which noise makes hard
// to predict: min and max keep NaN, and c > 0 leaves zeros of both signs alone.
func clipGeneric(y []float32, c float32, r []float32) {
	r = r[:len(y)]
	for i, v := range r {
		y[i] = max(min(v, c), -c)
	}
}

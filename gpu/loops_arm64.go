package gpu

// The callers have checked that no slice is shorter than y, whose length is a multiple of 8.

func sumSIMD(y []float32, terms []term, more bool) {
	if len(y) > 0 {
		sumNEON(len(y), &y[0], &terms[0].r, len(terms), more)
	}
}

func scaleSIMD(y []float32, k float32, r []float32) {
	if len(y) > 0 {
		scaleNEON(len(y), &y[0], k, &r[0])
	}
}

func clipSIMD(y []float32, c float32, r []float32) {
	if len(y) > 0 {
		clipNEON(len(y), &y[0], c, &r[0])
	}
}

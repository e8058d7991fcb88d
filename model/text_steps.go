package model

// tokenEmbeddingStep runs [TokenEmbedding]: one task a row. The tokens were checked when
// the run began.
type tokenEmbeddingStep struct {
	noScratch
	op               TokenEmbedding
	table, positions []float32 // nil positions: none are added

	ids    []int64
	y      []float32
	tokens int
}

func (s *tokenEmbeddingStep) run(e *Executor, n int) {
	s.ids, s.y = e.ints[s.op.IDs], e.rows(s.op.Y, n)
	s.tokens = e.shapes[s.op.Y].H
	e.pool.Run(n, s)
}

// Do implements workers.Task.
func (s *tokenEmbeddingStep) Do(row int) {
	dim := s.op.Dim
	y := s.y[row*dim*s.tokens : (row+1)*dim*s.tokens]
	for t, id := range s.ids[row*s.tokens : (row+1)*s.tokens] {
		x := s.table[int(id)*dim:][:dim]
		if s.positions == nil {
			for d, v := range x {
				y[d*s.tokens+t] = v
			}
			continue
		}
		p := s.positions[t*dim:][:dim]
		for d, v := range x {
			y[d*s.tokens+t] = v + p[d]
		}
	}
}

// selectTokenStep runs [SelectToken], in the caller's goroutine: it is one vector a row.
type selectTokenStep struct {
	noScratch
	op SelectToken
}

func (s *selectTokenStep) run(e *Executor, n int) {
	x, y := e.rows(s.op.X, n), e.rows(s.op.Y, n)
	tokens := e.shapes[s.op.X].H
	for i := range y { // of row i/dim, feature i%dim
		row := i / e.shapes[s.op.Y].C
		y[i] = x[i*tokens+int(e.ints[s.op.Index][row])]
	}
}

// quickGELUMap is z * s(1.702 z) in float64 (Hendrycks and Gimpel, "Gaussian Error Linear
// Units", 2016, arXiv:1606.08415, section 2).
func quickGELUMap(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		z := float64(float32(x*scale) + shift)
		dst[i] = float32(z / (1 + exp64(float64(-1.702*z))))
	}
}

// tanhMap uses tanh(z) = 1 - 2/(exp(2z) + 1) in float64, which loses 1e-16 of 1 near 0:
// there the series z - z^3/3 is exact to float32.
func tanhMap(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		z := float64(float32(x*scale) + shift)
		if z > -1e-4 && z < 1e-4 {
			dst[i] = float32(z - float64(float64(z*z)*z)/3)
			continue
		}
		dst[i] = float32(1 - 2/(exp64(float64(2*z))+1))
	}
}

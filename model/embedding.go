package model

import "math"

// The embeddings are small (a vector a row), so they run in the caller's goroutine.

// timestepStep runs [TimestepEmbedding].
type timestepStep struct {
	noScratch
	op    TimestepEmbedding
	freqs []float32 // [Dim/2]
}

// TimestepFrequencies are the frequencies of a [TimestepEmbedding], rounded to float32 after each operation as
// diffusers does (embeddings.py, get_timestep_embedding).
func TimestepFrequencies(dim int, shift float64) []float32 {
	half := dim / 2
	f := make([]float32, half)
	period := float32(-log64(10000))
	for i := range f {
		e := float32(period*float32(i)) / float32(float64(half)-shift)
		f[i] = float32(exp64(float64(e)))
	}
	return f
}

func (s *timestepStep) run(e *Executor, n int) {
	y, half := e.rows(s.op.Y, n), len(s.freqs)
	for row := range n * e.shapes[s.op.T].C { // a row may have several numbers
		t := e.scalar(s.op.T, row)
		v := y[row*s.op.Dim : (row+1)*s.op.Dim]
		if s.op.Dim%2 == 1 {
			v[s.op.Dim-1] = 0
		}
		sines, cosines := v[:half], v[half:2*half]
		if s.op.Flip {
			sines, cosines = cosines, sines
		}
		for i, f := range s.freqs {
			sin, cos := sincos64(float64(float32(t * f)))
			sines[i], cosines[i] = float32(sin), float32(cos)
		}
	}
}

// scalar is the number of a row of a tensor of one element, integers included.
func (e *Executor) scalar(id TensorID, row int) float32 {
	if e.graph.Tensors[id].Type == Int64 {
		return float32(e.ints[id][row])
	}
	return e.bufs[id][row]
}

// fourierStep runs [FourierEmbedding].
type fourierStep struct {
	noScratch
	op     FourierEmbedding
	weight []float32
}

func (s *fourierStep) run(e *Executor, n int) {
	y, dim := e.rows(s.op.Y, n), s.op.Dim
	for row := range n {
		l := float32(log64(float64(e.scalar(s.op.T, row))))
		v := y[row*2*dim : (row+1)*2*dim]
		for i, w := range s.weight {
			// ln(t) * w * 2 * pi from left to right in float32.
			a := float32(float32(float32(l*w)*2) * math.Pi)
			sin, cos := sincos64(float64(a))
			v[i], v[dim+i] = float32(sin), float32(cos)
		}
	}
}

// lookupStep runs [Lookup]; the labels were checked when the run began.
type lookupStep struct {
	noScratch
	op    Lookup
	table []float32
}

func (s *lookupStep) run(e *Executor, n int) {
	y, dim := e.rows(s.op.Y, n), s.op.Dim
	for row, c := range e.ints[s.op.Class][:n] {
		copy(y[row*dim:(row+1)*dim], s.table[int(c)*dim:])
	}
}

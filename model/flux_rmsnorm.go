package model

import "math"

// HeadRMSNorm divides the d = C/Heads channels of each head of a pixel by their root mean
// square (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467),
//
//	y[c] = x[c] / sqrt(mean of x^2 + Eps) * gamma[c]
//
// with the same gamma for every head, as torch.nn.RMSNorm does for queries and keys.
type HeadRMSNorm struct {
	Base
	X        TensorID
	Gamma    ParamID // [C/Heads]
	Channels int
	Heads    int
	Eps      float32
}

// Kind implements [Op].
func (HeadRMSNorm) Kind() string { return "HeadRMSNorm" }

// Reads implements [Op].
func (o HeadRMSNorm) Reads() []TensorID { return []TensorID{o.X} }

func (o HeadRMSNorm) params() []paramUse {
	return []paramUse{{o.Gamma, []int{o.Channels / max(1, o.Heads)}}}
}

// A pixel's result needs sums that are taken before and that pixel.
func (o HeadRMSNorm) inPlace() TensorID { return o.X }

func (o HeadRMSNorm) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if o.Heads < 1 || x.C != o.Channels || x.C%o.Heads != 0 {
		return Shape{}, opShapeError(o, "operand %v, wanted %d channels in %d heads", x, o.Channels, o.Heads)
	}
	return x, nil
}

// headRMSNormStep runs [HeadRMSNorm] as layerNormStep does [LayerNorm]: a task is a block of
// pixels of one head of one row, with sums in float64 over the channels in order.
type headRMSNormStep struct {
	noScratch
	op    HeadRMSNorm
	gamma []float32

	x, y   []float32
	pixels int
	blocks int // of pixels
}

func (s *headRMSNormStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.pixels = shape.H * shape.W
	s.blocks = (s.pixels + normBlock - 1) / normBlock
	e.pool.Run(n*s.op.Heads*s.blocks, s)
}

// Do implements workers.Task.
func (s *headRMSNormStep) Do(i int) {
	head, first := i/s.blocks, i%s.blocks*normBlock // of all heads of all rows
	count := min(normBlock, s.pixels-first)
	lo := head*len(s.gamma)*s.pixels + first
	var zero, sum, sq [normBlock]float64
	pixelMoments(sum[:count], sq[:count], s.x[lo:], len(s.gamma), s.pixels)
	for j := range sq[:count] {
		sq[j] = 1 / math.Sqrt(sq[j]/float64(len(s.gamma))+float64(s.op.Eps))
	}
	for c, gamma := range s.gamma {
		x, y := s.x[lo+c*s.pixels:][:count], s.y[lo+c*s.pixels:][:count]
		normalise(y, x, zero[:], sq[:], float64(gamma), 0)
	}
}

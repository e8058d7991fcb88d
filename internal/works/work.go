package works

import "slices"

// Work is a piece of work that is done again and again.
type Work struct {
	Name string // the kernel
	Size string

	// What a run costs at least. FLOPs are float32 additions, products and the like, one each; a float64 one counts
	// twice, since a register holds half as many. Integer operations and conversions do not count.
	FLOPs int64
	// Direct is what a convolution would cost by the direct method, 0 where that is FLOPs.
	Direct int64
	// Bytes are what has to be read and written: operands, weights, results.
	Bytes int64

	// Counted is how many runs are taken when instructions are counted, 0 where they are not.
	Counted int
	// Most is how many runs a Run lasts, 0 without a limit.
	Most int
	// Single says that more threads than one have no part in it.
	Single bool
	// Why says what keeps the kernel from its bound, as profiles have it.
	Why string

	// Open prepares the work for some threads.
	Open func(threads int) (*Run, error)
}

// Warm is how many runs come before what is measured: the first step of a multistep sampler is another one.
const Warm = 2

// ID names the work among all.
func (w Work) ID() string { return w.Name + " " + w.Size }

// Run is a work with its operands. It is used by one goroutine.
type Run struct {
	Do    func() error
	Close func()
}

// All returns the works.
func All() []Work {
	return slices.Concat(products(), convolutions(), operations(), steps(), forwards())
}

// values fills n floats with a fixed pattern of both signs.
func values(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*37%257)/128 - 1
	}
	return x
}

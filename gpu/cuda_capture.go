package gpu

import (
	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Capturer is a Program whose steps can be made one graph.
type Capturer interface {
	// Capture records network and the update once; every later Step replays them, one call to the
	// driver. network enqueues an evaluation of all network rows on the stream and must not wait for
	// it; Active is empty from then on, as nothing is left for a Model to do. nil records the update
	// alone, and the Model goes on. It is called before the first Step.
	Capture(network func(s *cuda.Stream, e *sampler.Eval) error) error
	// OnClose adds a function to be called when the program is closed, on the device's thread and
	// once its work is done: for the memory that a captured network uses.
	OnClose(f func() error)
}

var _ Capturer = (*cudaProgram)(nil)

// OnClose implements [Capturer].
func (p *cudaProgram) OnClose(f func() error) { p.onClose = append(p.onClose, f) }

// Capture implements [Capturer].
func (p *cudaProgram) Capture(network func(s *cuda.Stream, e *sampler.Eval) error) error {
	if p.closed {
		return sampler.ErrClosed
	}
	return p.c.dev.Do(func() error {
		if err := p.stream.BeginCapture(); err != nil {
			return err
		}
		var err error
		if network != nil {
			err = network(p.stream, &p.eval)
		}
		if err == nil {
			err = p.kernels(p.b.averages, p.b.reduces) // those of all stages
		}
		graph, end := p.stream.EndCapture()
		if err == nil {
			err = end
		}
		if err != nil {
			if graph != nil {
				_ = graph.Close() // the first error is the one to tell
			}
			return err
		}
		if p.graph != nil {
			_ = p.graph.Close()
		}
		p.graph, p.network = graph, network != nil
		return nil
	})
}

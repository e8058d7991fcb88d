//go:build cuda

package cuda

import (
	"errors"
	"strings"
)

// Graph is work of a stream that was captured once and can be enqueued again with one call. The memory
// and the modules that it uses must stay for as long as it is replayed.
type Graph struct {
	d           *Device
	graph, exec uintptr
	nodes       int
	what        string // the kernels in it
	open        bool   // on the thread only
}

// BeginCapture makes the stream record what is enqueued, instead of running it, until EndCapture.
// Waiting for the stream is not possible meanwhile. The device's other streams work as before: the driver is asked not
// to guard the recording against them (cuStreamQuery of another would fail), and nothing here joins them to it.
func (s *Stream) BeginCapture() error {
	return s.d.call(func() error {
		if err := s.enter("cuStreamBeginCapture"); err != nil {
			return err
		}
		if s.capturing {
			return &Error{Op: "cuStreamBeginCapture", Err: ErrCapturing}
		}
		if r := beginCapture(s); r != 0 {
			return s.d.failed("cuStreamBeginCapture", "", r)
		}
		s.capturing, s.recorded = true, s.recorded[:0]
		return nil
	})
}

// EndCapture ends the recording and returns it. After a failure the stream can be used again.
func (s *Stream) EndCapture() (*Graph, error) {
	var g *Graph
	err := s.d.call(func() error {
		if err := s.enter("cuStreamEndCapture"); err != nil {
			return err
		}
		if !s.capturing {
			return &Error{Op: "cuStreamEndCapture", Detail: "the stream is not captured", Err: InvalidValue}
		}
		s.capturing = false
		graph, r := endCapture(s)
		if r != 0 {
			if graph != 0 {
				destroyGraph(graph)
			}
			return s.d.failed("cuStreamEndCapture", "", r)
		}
		exec, nodes, r := instantiate(graph)
		if r != 0 {
			err := s.d.failed("cuGraphInstantiate", "", r)
			if r := destroyGraph(graph); r != 0 {
				err = errors.Join(err, s.d.failed("cuGraphDestroy", "", r))
			}
			return err
		}
		g = &Graph{d: s.d, graph: graph, exec: exec, nodes: nodes, what: strings.Join(s.recorded, " + "), open: true}
		s.d.graphs[g] = struct{}{}
		return nil
	})
	return g, err
}

// Nodes returns the number of operations in the graph.
func (g *Graph) Nodes() int { return g.nodes }

// Replay enqueues everything that the graph recorded.
func (s *Stream) Replay(g *Graph) error {
	const op = "cuGraphLaunch"
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.Replay(g) })
	}
	if err := s.enter(op); err != nil {
		return err
	}
	switch {
	case g.d != s.d:
		return &Error{Op: op, Err: ErrWrongDevice}
	case !g.open:
		return &Error{Op: op, Detail: "graph", Err: ErrClosed}
	case s.capturing:
		return &Error{Op: op, Err: ErrCapturing}
	}
	return s.enqueued(op, g.what, replayGraph(s, g.exec))
}

// Close frees the graph; replays that are enqueued go on. It may be called twice.
func (g *Graph) Close() error {
	return g.d.discard(func() error {
		if !g.open {
			return nil
		}
		return g.free()
	})
}

func (g *Graph) free() error {
	g.open = false
	delete(g.d.graphs, g)
	var errs []error
	if r := destroyExec(g.exec); r != 0 {
		errs = append(errs, g.d.failed("cuGraphExecDestroy", "", r))
	}
	if r := destroyGraph(g.graph); r != 0 {
		errs = append(errs, g.d.failed("cuGraphDestroy", "", r))
	}
	return errors.Join(errs...)
}

//go:build cuda

package device

import (
	"context"
	"time"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// fits refuses a program whose memory the device does not have, and says how many rows
// it would have memory for.
func (s *Sized) fits(prog *lower.Program, plans []*cudnn.Plan, weights int64) error {
	free, err := s.n.dev.Available()
	if err != nil {
		return err
	}
	work := scratch(prog, plans)
	need := prog.Arena + work
	available := free - weights
	if need <= available {
		return nil
	}
	e := &MemoryError{Rows: prog.Rows, Arena: prog.Arena, Work: work, Weights: prog.WeightBytes,
		Available: free}
	// Activations and the scratch of kernels are known for any rows; that of plans, which others would be made for,
	// is taken to grow with them.
	for lo, hi := 1, prog.Rows-1; lo <= hi; {
		mid := (lo + hi) / 2
		smaller, err := s.lower(mid, prog.Size.Tokens, nil, prog.Variance)
		if err == nil && smaller.Arena+max(smaller.Work, work*int64(mid)/int64(prog.Rows)) <= available {
			e.Fit, e.ArenaFit, lo = mid, smaller.Arena, mid+1
		} else {
			hi = mid - 1
		}
	}
	return e
}

// timeRuns is how often a plan is run to time it.
const timeRuns = 5

// timePlan measures a plan on memory of its own: the median would need many runs, the
// least of a few is what an undisturbed device takes.
func (n *Network) timePlan(s *lower.Step, plan *cudnn.Plan) (time.Duration, error) {
	memory, free, err := n.operands(s, plan)
	if err != nil {
		return 0, err
	}
	defer free()
	exec, err := plan.BindAs(s.Fusion, memory.at, memory.work)
	if err != nil {
		return 0, err
	}
	defer exec.Close()
	if err := n.handle.SetStream(n.stream); err != nil {
		return 0, err
	}
	from, err := n.dev.NewEvent(true)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := n.dev.NewEvent(true)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	least := time.Duration(-1)
	for range timeRuns {
		if err := n.stream.Record(from); err != nil {
			return 0, err
		}
		if err := exec.Run(n.handle); err != nil {
			return 0, err
		}
		if err := n.stream.Record(to); err != nil {
			return 0, err
		}
		if err := n.stream.Sync(context.Background()); err != nil {
			return 0, err
		}
		t, err := n.dev.Elapsed(from, to)
		if err != nil {
			return 0, err
		}
		if least < 0 || t < least {
			least = t
		}
	}
	return least, nil
}

// addresses are operands made for timing.
type addresses struct {
	at   map[int64]uint64
	work uint64
}

// operands allocates zeros for the operands of a graph.
func (n *Network) operands(s *lower.Step, plan *cudnn.Plan) (addresses, func(), error) {
	a := addresses{at: map[int64]uint64{}}
	sizes := lower.Extents(s.Fusion)
	total := plan.Workspace() + 256
	for _, o := range s.Operands {
		total += (sizes[o.ID] + 255) / 256 * 256
	}
	mem, err := n.dev.Alloc(total)
	if err != nil {
		return a, nil, err
	}
	if err := n.stream.Fill(mem, 0, 0, mem.Size()); err != nil {
		_ = mem.Free()
		return a, nil, err
	}
	next := mem.Ptr()
	for _, o := range s.Operands {
		a.at[o.ID] = next
		next += uint64((sizes[o.ID] + 255) / 256 * 256)
	}
	a.work = next
	return a, func() { _ = mem.Free() }, nil
}

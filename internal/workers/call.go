package workers

import "sync/atomic"

// call is one Run: who takes an index adds to next, who has finished some subtracts from left.
type call struct {
	task     Task
	n        int64
	next     atomic.Int64  // the next index to hand out; past n when there is none
	left     atomic.Int64  // indexes whose Do has not returned
	refs     atomic.Int64  // the caller, each queue entry and each worker at it
	done     chan struct{} // one token, when a worker (not the caller) finishes the last index
	failed   atomic.Bool
	panicked any // the first panic's value; written by who sets failed, read when left is 0
}

// work takes indexes until there are none and tells whether it finished the last one of the call.
func (c *call) work() bool {
	finished := int64(0)
	for {
		i := c.next.Add(1) - 1
		if i >= c.n {
			break
		}
		if !c.failed.Load() {
			c.do(int(i))
		}
		finished++
	}
	return finished > 0 && c.left.Add(-finished) == 0
}

// do is one index, with a panic kept for the caller.
func (c *call) do(i int) {
	defer func() {
		if v := recover(); v != nil && c.failed.CompareAndSwap(false, true) {
			c.panicked = v
		}
	}()
	c.task.Do(i)
}

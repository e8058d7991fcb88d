package workers

import (
	"sync/atomic"
	"time"
)

// call is one Run: who takes an index adds to next, who has finished some subtracts from left.
type call struct {
	task     Task
	n        int64
	next     atomic.Int64 // the next index to hand out; past n when there is none
	left     atomic.Int64 // indexes whose Do has not returned
	refs     atomic.Int64 // the caller, and each worker that was given the call
	asleep   atomic.Bool  // the caller sleeps, or is about to, until a token is in done
	failed   atomic.Bool
	done     chan struct{} // of one token
	panicked any           // the first panic's value; written by who sets failed, read when left is 0
}

// work takes indexes until there are none and returns how many it has finished.
func (c *call) work() (finished int64) {
	for {
		i := c.next.Add(1) - 1
		if i >= c.n {
			return finished
		}
		if !c.failed.Load() {
			c.do(int(i))
		}
		finished++
	}
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

// finish gives back what a worker has finished and wakes the caller if that was the last of it.
func (c *call) finish(indexes int64) {
	if indexes > 0 && c.left.Add(-indexes) == 0 && c.asleep.CompareAndSwap(true, false) {
		c.done <- struct{}{}
	}
}

// wait returns when all indexes are finished: soon, as a rule, and therefore awake for a moment.
func (c *call) wait() {
	for start := time.Now(); ; {
		for range spinReads {
			if c.left.Load() == 0 {
				return
			}
		}
		if time.Since(start) > spin {
			break
		}
	}
	// Either the last worker sees that the caller sleeps, or the caller that there is nothing left.
	c.asleep.Store(true)
	if c.left.Load() > 0 || !c.asleep.CompareAndSwap(true, false) {
		<-c.done
	}
}

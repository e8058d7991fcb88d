// Package workers spreads index-parallel CPU work over a fixed set of goroutines.
package workers

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Task is work split into independent indexes.
//
// Do may be called concurrently, in any order, each index at most once per Run. It must not call
// runtime.Goexit (so no testing.T.FailNow), and not close the pool that runs it.
type Task interface{ Do(i int) }

// spin is how long a worker without work, and a caller whose call others finish, look for it before they
// sleep: waking up takes tens of microseconds, which is as long as a small operation.
const spin = 100 * time.Microsecond

// spinReads are the looks between two at the clock.
const spinReads = 64

// freeCalls bounds the call records kept for reuse; more concurrent callers than that allocate.
const freeCalls = 64

// Pool runs Tasks on a fixed number of threads, the caller's included.
//
// A Pool may be used by many goroutines at once, and a Task may call Run itself: a caller always
// works on its own call, so nothing waits for a free worker. Idle workers stay awake for a moment, since
// the next operation of a network comes soon, and then sleep. A nil Pool, and a
// closed one, run everything in the caller.
type Pool struct {
	workers []worker
	free    chan *call
	closed  atomic.Bool
	once    sync.Once
	wg      sync.WaitGroup
}

// New starts a pool of the given number of threads; threads <= 0 means GOMAXPROCS. It starts
// threads-1 goroutines, because the caller of Run is the remaining one. Close ends them.
func New(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{workers: make([]worker, threads-1), free: make(chan *call, freeCalls)}
	for i := range p.workers {
		w := &p.workers[i]
		w.wake = make(chan struct{}, 1)
		p.wg.Go(func() { p.serve(w) })
	}
	return p
}

// Threads returns the number of threads a Run uses at most, the caller's included.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return len(p.workers) + 1
}

// Run calls t.Do(0) to t.Do(n-1) and returns when all have returned. It allocates nothing once
// the pool is warm.
//
// If a Do panics, the indexes not yet begun are skipped, and Run panics with the first panic's
// value after the others have returned.
func (p *Pool) Run(n int, t Task) {
	if n <= 1 || p.Threads() == 1 || p.closed.Load() {
		for i := range n {
			t.Do(i)
		}
		return
	}
	c := p.get()
	c.task, c.n = t, int64(n)
	c.next.Store(0)
	c.left.Store(int64(n))
	c.refs.Store(int64(n)) // at least as many as there will be
	helpers := 0
	for i := range p.workers {
		if helpers == n-1 {
			break
		}
		if p.workers[i].offer(c) {
			helpers++
		}
	}
	c.refs.Add(int64(helpers + 1 - n))
	if c.left.Add(-c.work()) > 0 {
		c.wait()
	}
	value, failed := c.panicked, c.failed.Load()
	p.release(c)
	if failed {
		panic(value)
	}
}

// Close ends the workers and waits for them. It may be called twice, and beside a Run.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.once.Do(func() {
		p.closed.Store(true)
		for i := range p.workers {
			p.workers[i].rouse()
		}
		p.wg.Wait()
	})
}

// serve is a worker's life.
func (p *Pool) serve(w *worker) {
	for {
		c := w.take(&p.closed)
		if c == nil {
			return
		}
		finished := c.work()
		w.slot.Store(nil) // before the caller can come back with its next call
		c.finish(finished)
		p.release(c)
	}
}

// get returns an unused call record.
func (p *Pool) get() *call {
	select {
	case c := <-p.free:
		return c
	default:
		return &call{done: make(chan struct{}, 1)}
	}
}

// release drops one reference to c. A worker may come to c after its Run has returned, so c is reused only
// when the last reference is gone.
func (p *Pool) release(c *call) {
	if c.refs.Add(-1) > 0 {
		return
	}
	c.task, c.panicked = nil, nil
	c.failed.Store(false)
	select {
	case p.free <- c:
	default:
	}
}

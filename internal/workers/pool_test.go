package workers

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// count counts how often each index ran.
type count []atomic.Int32

func (c count) Do(i int) { c[i].Add(1) }

type taskFunc func(int)

func (f taskFunc) Do(i int) { f(i) }

func TestRunDoesEachIndexOnce(t *testing.T) {
	for threads := 1; threads <= 5; threads++ {
		p := New(threads)
		require.Equal(t, threads, p.Threads())
		for _, n := range []int{0, 1, 2, 3, 64, 1000} {
			c := make(count, n)
			p.Run(n, c)
			for i := range c {
				require.EqualValues(t, 1, c[i].Load(), "threads %d n %d index %d", threads, n, i)
			}
		}
		p.Close()
	}
}

func TestDefaultThreads(t *testing.T) {
	p := New(0)
	defer p.Close()
	require.Equal(t, runtime.GOMAXPROCS(0), p.Threads())
	require.Equal(t, 1, (*Pool)(nil).Threads())
}

// TestRunSeesResults has plain (not atomic) writes in Do, so that -race proves that Run's return
// happens after every Do.
func TestRunSeesResults(t *testing.T) {
	p := New(4)
	defer p.Close()
	out := make([]int, 100)
	for round := range 200 {
		p.Run(len(out), taskFunc(func(i int) { out[i] = i * round }))
		for i, v := range out {
			require.Equal(t, i*round, v)
		}
	}
}

// TestRunWaitsForSlowWorkers has indexes of very different length, the longest on any thread.
func TestRunWaitsForSlowWorkers(t *testing.T) {
	p := New(3)
	defer p.Close()
	for range 10 {
		var done atomic.Int32
		p.Run(3, taskFunc(func(i int) {
			time.Sleep(time.Duration(i) * 3 * time.Millisecond)
			done.Add(1)
		}))
		require.EqualValues(t, 3, done.Load())
	}
}

// TestRunIsParallel blocks every index until all threads are inside one.
func TestRunIsParallel(t *testing.T) {
	const threads = 3
	p := New(threads)
	defer p.Close()
	var in sync.WaitGroup
	in.Add(threads)
	ok := make(chan struct{})
	go func() {
		p.Run(threads, taskFunc(func(int) { in.Done(); in.Wait() }))
		close(ok)
	}()
	select {
	case <-ok:
	case <-time.After(10 * time.Second):
		t.Fatal("the indexes did not run side by side")
	}
}

func TestConcurrentCallersAndNesting(t *testing.T) {
	p := New(3)
	defer p.Close()
	var total atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				p.Run(7, taskFunc(func(int) {
					p.Run(5, taskFunc(func(int) { total.Add(1) }))
				}))
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 8*50*7*5, total.Load())
}

func TestPanicReachesCaller(t *testing.T) {
	for _, threads := range []int{1, 2, 4} {
		p := New(threads)
		for round := range 50 {
			var running atomic.Int32
			boom := taskFunc(func(i int) {
				running.Add(1)
				defer running.Add(-1)
				if i == round%10 {
					panic(round)
				}
			})
			require.PanicsWithValue(t, round, func() { p.Run(10, boom) })
			require.Zero(t, running.Load(), "Run came back before every Do had")
			c := make(count, 20) // the pool still works
			p.Run(len(c), c)
			for i := range c {
				require.EqualValues(t, 1, c[i].Load())
			}
		}
		p.Close()
	}
}

func TestCloseEndsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	p := New(6)
	c := make(count, 100)
	p.Run(len(c), c)
	require.Greater(t, runtime.NumGoroutine(), before)
	p.Close()
	p.Close()
	for i := 0; runtime.NumGoroutine() > before && i < 5000; i++ {
		time.Sleep(time.Millisecond) // an ended goroutine is counted for a moment
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
	p.Run(len(c), c) // a closed pool works in the caller
	require.EqualValues(t, 2, c[99].Load())
}

func TestCloseBesideRun(t *testing.T) {
	for range 50 {
		p := New(3)
		c := make(count, 50)
		var wg sync.WaitGroup
		wg.Go(func() { p.Run(len(c), c) })
		wg.Go(p.Close)
		wg.Wait()
		for i := range c {
			require.EqualValues(t, 1, c[i].Load())
		}
	}
}

func TestNilPoolRunsInCaller(t *testing.T) {
	c := make(count, 9)
	(*Pool)(nil).Run(len(c), c)
	(*Pool)(nil).Close()
	require.EqualValues(t, 1, c[8].Load())
}

func TestRunDoesNotAllocate(t *testing.T) {
	p := New(4)
	defer p.Close()
	c := make(count, 100)
	var task Task = c
	require.Zero(t, testing.AllocsPerRun(1000, func() { p.Run(100, task) }))
}

func BenchmarkRun(b *testing.B) {
	p := New(2)
	defer p.Close()
	c := make(count, 8)
	var task Task = c
	b.ReportAllocs()
	for b.Loop() {
		p.Run(len(c), task)
	}
}

// TestSleepAndWake runs calls with pauses about as long as those after which workers and callers go to sleep, from
// several callers, so that many are handed over just as one does.
func TestSleepAndWake(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	p := New(4)
	var wg sync.WaitGroup
	for caller := range 3 {
		wg.Go(func() {
			c := make(count, 6)
			for round := range rounds {
				p.Run(len(c), taskFunc(func(i int) {
					c.Do(i)
					if i == round%7 {
						time.Sleep(time.Duration(round%5) * spin / 2)
					}
				}))
				for i := range c {
					assert.EqualValues(t, round+1, c[i].Load(), "caller %d index %d", caller, i)
				}
				time.Sleep(time.Duration(round%4) * spin / 2)
			}
		})
	}
	wg.Wait()
	p.Close()
}

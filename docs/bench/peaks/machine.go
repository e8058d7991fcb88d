package main

import (
	"time"

	"github.com/cudiffuse/cudiffuse/internal/peak"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// machine measures the peak on some threads: each gets a piece of span, so that none is without work while others have
// some.
type machine struct {
	loops    peak.Loops
	threads  int
	pool     *workers.Pool
	turns    int // of the products in a piece
	src, dst []float32
	part     int // floats that a thread copies
	copies   int // times that it does
}

func newMachine(loops peak.Loops, threads int) *machine {
	m := &machine{loops: loops, threads: threads, pool: workers.New(threads)}
	const first = 1 << 12
	start := time.Now()
	loops.FMA(first)
	m.turns = first * int(span/max(1, time.Since(start)))
	return m
}

func (m *machine) close() { m.pool.Close() }

// fmaTask is a piece of products and sums.
type fmaTask machine

// Do implements workers.Task.
func (t *fmaTask) Do(int) { t.loops.FMA(t.turns) }

// flops is how many products and sums are done a second.
func (m *machine) flops() float64 {
	start := time.Now()
	m.pool.Run(m.threads, (*fmaTask)(m))
	seconds := time.Since(start).Seconds()
	return float64(m.threads) * float64(m.loops.FMA(1)) * float64(max(m.turns, 1)) / seconds
}

// copyTask is a piece of copying; index i is a thread's part.
type copyTask machine

// Do implements workers.Task.
func (t *copyTask) Do(i int) {
	for range t.copies {
		t.loops.Copy(t.dst[i*t.part:(i+1)*t.part], t.src[i*t.part:(i+1)*t.part])
	}
}

// copy is how many bytes are read or written a second when a copy does so to a number of them.
func (m *machine) copy(bytes int64) float64 {
	m.part = max(1, int(bytes/8)/m.threads/peak.Block) * peak.Block
	if n := m.part * m.threads; len(m.src) < n {
		m.src, m.dst = make([]float32, n), make([]float32, n)
		for i := range m.src {
			m.src[i] = 1 // pages of zeros are all one page
		}
	}
	m.copies = 1
	start := time.Now()
	m.pool.Run(m.threads, (*copyTask)(m))
	m.copies = max(1, int(span/max(1, time.Since(start))))
	start = time.Now()
	m.pool.Run(m.threads, (*copyTask)(m))
	return 8 * float64(m.part) * float64(m.threads) * float64(m.copies) / time.Since(start).Seconds()
}

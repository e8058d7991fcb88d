package main

import (
	"math"
	"time"

	"github.com/cudiffuse/cudiffuse/internal/peak"
	"github.com/cudiffuse/cudiffuse/internal/works"
)

const (
	// rounds of the peak and a kernel in turn.
	rounds = 15
	// span is about how long a part of a round takes, or one run of the kernel where that is longer.
	span = 1500 * time.Microsecond
)

// maxThreads is up to how many threads are measured.
const maxThreads = 2

// result is what was measured of a level.
type result struct {
	Level string
	FLOPs [maxThreads]float64           // a second, by threads less one
	Copy  [maxThreads]map[int64]float64 // bytes a second read and written, by how many there are
	Rows  []measured
}

// measured is a work by threads less one; a work of one thread has no second.
type measured struct {
	ID      string
	Seconds [maxThreads]float64
	Share   [maxThreads]float64 // of the bound
	Moving  [maxThreads]bool    // the copy is the bound
}

// footprints are those of which the copy is told.
var footprints = []int64{32 << 10, 1 << 20, 64 << 20}

// measure measures the peaks and the works.
func measure(level string, loops peak.Loops, all []works.Work) (result, error) {
	r := result{Level: level, Rows: make([]measured, len(all))}
	for threads := 1; threads <= maxThreads; threads++ {
		t, m := threads-1, newMachine(loops, threads)
		r.Copy[t] = map[int64]float64{}
		for range rounds {
			for _, size := range footprints {
				r.Copy[t][size] = max(r.Copy[t][size], m.copy(size))
			}
		}
		for i, w := range all {
			r.Rows[i].ID = w.ID()
			if w.Single && threads > 1 {
				continue
			}
			b, err := m.measure(w)
			if err != nil {
				m.close()
				return result{}, err
			}
			row := &r.Rows[i]
			row.Seconds[t], row.Share[t], row.Moving[t] = b.seconds, b.share(w), b.moving(w)
			r.FLOPs[t] = max(r.FLOPs[t], b.flops)
		}
		m.close()
	}
	return r, nil
}

// best is the best of all rounds: what disturbs a round, disturbs it for the worse.
type best struct {
	seconds      float64
	flops, bytes float64 // a second, of the machine
}

// share is the part of the time that a work takes at the peak.
func (b best) share(w works.Work) float64 {
	return max(float64(w.FLOPs)/b.flops, float64(w.Bytes)/b.bytes) / b.seconds
}

// moving tells whether the copy is the bound.
func (b best) moving(w works.Work) bool { return float64(w.Bytes)/b.bytes > float64(w.FLOPs)/b.flops }

// measure measures the peak and a work in turn.
func (m *machine) measure(w works.Work) (best, error) {
	r := runner{work: w, threads: m.threads}
	defer r.close()
	runs, err := r.calibrate()
	if err != nil {
		return best{}, err
	}
	b := best{seconds: math.Inf(1)}
	for range rounds {
		b.flops, b.bytes = max(b.flops, m.flops()), max(b.bytes, m.copy(w.Bytes))
		seconds, err := r.time(runs)
		if err != nil {
			return best{}, err
		}
		b.seconds = min(b.seconds, seconds)
	}
	return b, nil
}

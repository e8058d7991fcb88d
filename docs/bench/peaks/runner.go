package main

import (
	"time"

	"github.com/cudiffuse/cudiffuse/internal/works"
)

// runner runs a work, and opens it again where it has ended.
type runner struct {
	work    works.Work
	threads int
	run     *works.Run
	used    int
}

func (r *runner) close() {
	if r.run != nil {
		r.run.Close()
	}
}

// ready opens the work unless it lasts for so many runs more.
func (r *runner) ready(runs int) error {
	if r.run != nil && (r.work.Most == 0 || r.used+runs <= r.work.Most) {
		return nil
	}
	r.close()
	run, err := r.work.Open(r.threads)
	if err != nil {
		return err
	}
	r.run, r.used = run, works.Warm
	for range works.Warm {
		if err := run.Do(); err != nil {
			return err
		}
	}
	return nil
}

// time returns the seconds of one of so many runs.
func (r *runner) time(runs int) (float64, error) {
	if err := r.ready(runs); err != nil {
		return 0, err
	}
	r.used += runs
	start := time.Now()
	for range runs {
		if err := r.run.Do(); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds() / float64(runs), nil
}

// calibrate returns how many runs last for a span.
func (r *runner) calibrate() (int, error) {
	for runs := 1; ; runs *= 4 {
		seconds, err := r.time(runs)
		if err != nil {
			return 0, err
		}
		if took := seconds * float64(runs); took > span.Seconds()/4 || 4*runs > r.most() {
			return max(1, min(int(span.Seconds()/seconds), r.most())), nil
		}
	}
}

// most is up to how many runs are timed at once.
func (r *runner) most() int {
	if r.work.Most == 0 {
		return 1 << 20
	}
	return r.work.Most - works.Warm
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/works"
)

// entry is the instructions of a run of a work.
type entry struct {
	id    string
	count int64
}

// level is the path that is counted.
const level = "avx2"

// environment keeps the runtime from doing anything by the clock or by the number of processors.
var environment = []string{
	"CUDIFFUSE_CPU=" + level, "GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=off", "GODEBUG=asyncpreemptoff=1", "LC_ALL=C",
}

// repeat does a work so many times, after it is warm.
func repeat(id string, times int) error {
	if got := gemm.Implementation(); got != level {
		return fmt.Errorf("this takes the %s path, and the counts are of the %s one", got, level)
	}
	for _, w := range works.All() {
		if w.ID() != id {
			continue
		}
		run, err := w.Open(1)
		if err != nil {
			return err
		}
		for range works.Warm {
			if err := run.Do(); err != nil {
				return err
			}
		}
		return measured(run, times)
	}
	return fmt.Errorf("no work is called %q", id)
}

// counted is the name of measured, which is what callgrind counts and nothing else: neither the start of the program
// nor what the runtime does beside it.
const counted = "main.measured"

// measured does a work so many times.
//
//go:noinline
func measured(run *works.Run, times int) error {
	for range times {
		if err := run.Do(); err != nil {
			return err
		}
	}
	return nil
}

// count counts the instructions of the works, on two threads.
func count(valgrind string, all []works.Work) ([]entry, error) {
	var list []works.Work
	for _, w := range all {
		if w.Counted > 0 {
			list = append(list, w)
		}
	}
	entries, errs := make([]entry, len(list)), make([]error, len(list))
	slots := make(chan struct{}, 2)
	var failed atomic.Bool // then the others need not begin
	var wg sync.WaitGroup
	for i, w := range list {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if failed.Load() {
				return
			}
			entries[i], errs[i] = countWork(valgrind, w)
			if errs[i] != nil {
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// countWork is the mean of some runs.
func countWork(valgrind string, w works.Work) (entry, error) {
	sum, err := instructions(valgrind, w.ID(), w.Counted)
	n := int64(w.Counted)
	return entry{w.ID(), (sum + n/2) / n}, err
}

var collected = regexp.MustCompile(`(?m)^==\d+== Collected : (\d+)$`)

// instructions runs this program within callgrind.
func instructions(valgrind, id string, times int) (int64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null",
		"--toggle-collect="+counted, self, "-run", id, "-times", strconv.Itoa(times))
	cmd.Env = append(os.Environ(), environment...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", id, err, out.Bytes())
	}
	m := collected.FindSubmatch(out.Bytes())
	if m == nil {
		return 0, fmt.Errorf("%s: valgrind told no number of instructions: %s", id, out.Bytes())
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: valgrind counted nothing: it did not find %s", id, counted)
	}
	return n, err
}

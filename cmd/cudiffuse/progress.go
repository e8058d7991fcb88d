package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows how far a long job is: a bar that redraws itself on a terminal, a line every tenth of
// the way otherwise.
type progress struct {
	w        io.Writer
	label    string
	terminal bool
	start    time.Time
	tenth    int
	drawn    time.Time
	before   int // of what was done before the start
}

func newProgress(w io.Writer, label string) *progress {
	p := &progress{w: w, label: label, start: time.Now()}
	if f, ok := w.(*os.File); ok {
		st, err := f.Stat()
		p.terminal = err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return p
}

const barWidth = 30

// step reports that done of total are done.
func (p *progress) step(done, total int) {
	left := time.Duration(0)
	if now := done - p.before; now > 0 {
		left = time.Since(p.start) / time.Duration(now) * time.Duration(total-done)
	}
	if p.terminal {
		if done < total && time.Since(p.drawn) < 50*time.Millisecond {
			return
		}
		p.drawn = time.Now()
		n := barWidth * done / total
		fmt.Fprintf(p.w, "\r%s %s%s %d/%d, %s left\x1b[K", p.label, strings.Repeat("█", n),
			strings.Repeat("░", barWidth-n), done, total, left.Round(time.Second))
		return
	}
	if t := 10 * done / total; t > p.tenth {
		p.tenth = t
		fmt.Fprintf(p.w, "%s: %d/%d, %s left\n", p.label, done, total, left.Round(time.Second))
	}
}

// done ends the bar's line.
func (p *progress) done() {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K")
	}
}

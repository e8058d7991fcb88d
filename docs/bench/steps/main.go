// Command steps is this library's side of docs/bench/steps.py: what lies between two evaluations of a network, and
// standard normal noise, on the CPU. It answers each line of standard input with the seconds of one of them.
//
// A line is "threads sampler requests elements" for a guided step of a batch, or "threads normals 1 elements". The
// network's outputs are random numbers that stay.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/works"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "steps:", err)
		os.Exit(1)
	}
}

func serve() error {
	fmt.Println("ready", runtime.Version())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var threads, requests, elems int
		var name string
		if _, err := fmt.Sscan(lines.Text(), &threads, &name, &requests, &elems); err != nil {
			return err
		}
		seconds, err := measure(threads, name, requests, elems)
		if err != nil {
			return err
		}
		fmt.Println(seconds)
	}
	return lines.Err()
}

// count is how many steps, or fills, are timed: enough for a few milliseconds.
func count(elems int) int { return max(10, min(900, 1<<24/elems)) }

func measure(threads int, name string, requests, elems int) (float64, error) {
	n := count(requests * elems)
	if name == "normals" {
		x := make([]float32, elems)
		gpu.Normals(x, 1, 1, 0)
		start := time.Now()
		for i := range n {
			gpu.Normals(x, 1, i, 0)
		}
		return time.Since(start).Seconds() / float64(n), nil
	}
	p, err := works.Steps(threads, name, requests, elems, n+2)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	for range 2 { // the first step of a multistep sampler is another one
		if err := p.Step(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	for range n {
		p.Next()
		if err := p.Step(); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds() / float64(n), nil
}

// Command peaks measures which share of the machine's peak the kernels of the CPU reach, and writes a table of them. The
// peak is measured beside each kernel, by a loop of fused products and sums and by a copy of as many bytes as the kernel
// has to move: no kernel can take less time than either (the roofline of Williams et al., "Roofline: An Insightful
// Visual Performance Model for Multicore Architectures", 2009).
//
//	peaks -out docs/bench/peaks.md
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/peak"
	"github.com/cudiffuse/cudiffuse/internal/works"
)

func main() {
	out := flag.String("out", "docs/bench/peaks.md", "the table")
	level := flag.String("measure", "", "measure this level and print JSON; CUDIFFUSE_CPU has to name it too")
	flag.Parse()
	var err error
	if *level != "" {
		err = measureLevel(*level)
	} else {
		err = write(*out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peaks:", err)
		os.Exit(1)
	}
}

// write measures every level that there is, each in a process of its own, since it is chosen at the start.
func write(file string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var results []result
	for _, level := range []string{"avx512", "avx2"} {
		if _, err := peak.Of(level); err != nil {
			continue
		}
		cmd := exec.Command(self, "-measure", level)
		cmd.Env = append(os.Environ(), "CUDIFFUSE_CPU="+level)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s: %w", level, err)
		}
		var r result
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&r); err != nil {
			return fmt.Errorf("%s: %w", level, err)
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return peak.ErrUnsupported
	}
	return os.WriteFile(file, []byte(format(processor(), results)), 0o644)
}

// measureLevel prints the result of a level.
func measureLevel(level string) error {
	if got := gemm.Implementation(); got != level {
		return fmt.Errorf("this takes the %s path, wanted %s", got, level)
	}
	loops, err := peak.Of(level)
	if err != nil {
		return err
	}
	r, err := measure(level, loops, works.All())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

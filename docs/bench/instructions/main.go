// Command instructions counts the instructions that fixed work takes, under valgrind's callgrind, and compares them with
// a committed table. Instructions, unlike times, do not depend on what else the machine does. The work takes the AVX2
// path, the best one that valgrind knows, on one thread.
//
//	instructions -valgrind valgrind -table docs/bench/instructions.md [-update]
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/cudiffuse/cudiffuse/internal/works"
)

// tolerance is by how much a count may grow: repetitions differ by 0.13 % at most.
const tolerance = 0.01

func main() {
	var (
		valgrind = flag.String("valgrind", "valgrind", "the command of valgrind")
		file     = flag.String("table", "docs/bench/instructions.md", "the table")
		update   = flag.Bool("update", false, "write the table in place of comparing with it")
		run      = flag.String("run", "", "within valgrind: do this work")
		times    = flag.Int("times", 0, "within valgrind: so many times")
	)
	flag.Parse()
	err := error(nil)
	if *run != "" {
		err = repeat(*run, *times)
	} else {
		err = compare(*valgrind, *file, *update)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(1)
	}
}

// compare counts, and compares with the table in the file or writes it.
func compare(valgrind, file string, update bool) error {
	got, err := count(valgrind, works.All())
	if err != nil {
		return err
	}
	if update {
		return os.WriteFile(file, []byte(format(got, runtime.Version())), 0o644)
	}
	want, version, err := read(file)
	if err != nil {
		return err
	}
	report, failed := judge(want, got)
	fmt.Print(report)
	if !failed {
		return nil
	}
	hint := ""
	if v := runtime.Version(); v != version {
		hint = fmt.Sprintf("; the table was made with %s, this is %s", version, v)
	}
	return fmt.Errorf("slower than %s has it by more than %g %%, or another list of work: `make instructions UPDATE=1` "+
		"accepts the new counts%s", file, 100*tolerance, hint)
}

// read reads the table of a file.
func read(file string) (map[string]int64, string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	counts, version, err := parse(string(text))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", file, err)
	}
	return counts, version, nil
}

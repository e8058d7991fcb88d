// Package rerun starts the running test binary again, for what is decided when a program starts.
package rerun

import (
	"os"
	"os/exec"
	"strings"
)

// Command is the running test binary with other arguments. TEST_RUNNER in the environment is the
// program, with its arguments, that has to run it: an emulator of another processor.
func Command(args ...string) *exec.Cmd {
	words := append(strings.Fields(os.Getenv("TEST_RUNNER")), os.Args[0])
	words = append(words, args...)
	return exec.Command(words[0], words[1:]...)
}

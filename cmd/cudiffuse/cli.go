package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model/device"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // it was tried and failed: a full disk
	exitUsage       = 2   // bad input: flags, files, values
	exitDevice      = 3   // the GPU: none, no driver or one too old, out of memory, lost
	exitInterrupted = 130 // Ctrl-C
)

// cli is the command line.
type cli struct {
	Sample   sampleCmd   `cmd:"" help:"Sample images and write them as PNG."`
	Compare  compareCmd  `cmd:"" help:"Measure samplers against each other on the bundled model."`
	Gallery  galleryCmd  `cmd:"" help:"Draw every sampler on the bundled model and write the page docs/samplers."`
	Plan     planCmd     `cmd:"" help:"Print the table that a sampler compiles to."`
	Forward  forwardCmd  `cmd:"" help:"Evaluate a network once, on tensors from a file."`
	Inspect  inspectCmd  `cmd:"" help:"Show a model's parameters, shapes and memory plan."`
	Compile  compileCmd  `cmd:"" help:"Make cuDNN's plans for a GPU, which need not be here."`
	Devices  devicesCmd  `cmd:"" help:"List the devices that --device can name."`
	Samplers samplersCmd `cmd:"" help:"List the samplers that --sampler can name, and their options."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	Verbose bool `short:"v" help:"Log what is done."`
}

// app is what the commands share.
type app struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger
}

// usageError is bad input: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, a ...any) error { return &usageError{fmt.Errorf(format, a...)} }

// errParsed stops kong after --help, which prints and would exit.
var errParsed = errors.New("nothing left to do")

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	var c cli
	defer func() {
		if r := recover(); r != nil {
			if r != errParsed {
				panic(r)
			}
			code = exitOK
		}
	}()
	k, err := kong.New(&c, kong.Name("cudiffuse"),
		kong.Description("Samples diffusion models. Without flags, `cudiffuse sample` draws the bundled model."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(errParsed) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return report(stderr, err)
	}
	kc, err := k.Parse(joinNegative(args))
	if err != nil {
		return report(stderr, parseError(k, args, err))
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	a := &app{ctx: ctx, stdout: stdout, stderr: stderr,
		log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))}
	if err := kc.Run(a); err != nil {
		return report(stderr, err)
	}
	return exitOK
}

// report writes an error as one line and returns the exit code. Text from files may be part of it, so
// nothing that moves the cursor is let through.
func report(stderr io.Writer, err error) int {
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\n", "; "))
	fmt.Fprintln(stderr, "cudiffuse:", text)
	return exitCode(err)
}

// negative matches a value that looks like a flag to kong, which wants --steps=-1.
var negative = regexp.MustCompile(`^-([0-9]|\.[0-9]|(?i:inf)$)`)

// joinNegative makes --flag -1 one argument, so that the command can say what is wrong with -1.
func joinNegative(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		if a == "-n" {
			a = "--n"
		}
		if i+1 < len(args) && strings.HasPrefix(a, "--") && !strings.Contains(a, "=") && negative.MatchString(args[i+1]) {
			i++
			a += "=" + args[i]
		}
		out = append(out, a)
	}
	return out
}

// parseError says what to do about arguments that kong refuses.
func parseError(k *kong.Kong, args []string, err error) error {
	var commands []string
	for _, n := range k.Model.Children {
		commands = append(commands, n.Name)
	}
	switch {
	case len(args) == 0:
		return usagef("no command: want one of %s; see cudiffuse --help", strings.Join(commands, ", "))
	case slices.Contains(commands, args[0]):
		text := strings.Replace(err.Error(), `"EOL" (<EOL>)`, "nothing", 1)
		return usagef("%s; see cudiffuse %s --help", text, args[0])
	case !strings.HasPrefix(args[0], "-"):
		return usagef("unknown command %q: want one of %s; see cudiffuse --help", args[0], strings.Join(commands, ", "))
	}
	return usagef("%w; see cudiffuse --help", err)
}

// deviceFailed says whether cuDNN or the device's memory is what was wrong.
func deviceFailed(err error) bool {
	var version *cudnn.VersionError
	var none *cudnn.NoPlanError
	var status *cudnn.StatusError
	var memory *device.MemoryError
	return errors.Is(err, cudnn.ErrNoLibrary) || errors.As(err, &version) || errors.As(err, &none) ||
		errors.As(err, &status) || errors.As(err, &memory)
}

func exitCode(err error) int {
	var usage *usageError
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case cuda.Failed(err), deviceFailed(err):
		return exitDevice
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}

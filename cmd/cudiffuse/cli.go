package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // it was tried and failed: a full disk, a device lost
	exitUsage       = 2   // bad input: flags, files, values
	exitInterrupted = 130 // Ctrl-C
)

// cli is the command line.
type cli struct {
	Sample  sampleCmd  `cmd:"" help:"Sample images and write them as PNG."`
	Compare compareCmd `cmd:"" help:"Measure samplers against each other on the bundled model."`
	Plan    planCmd    `cmd:"" help:"Print the table that a sampler compiles to."`
	Forward forwardCmd `cmd:"" help:"Evaluate a network once, on tensors from a file."`
	Inspect inspectCmd `cmd:"" help:"Show a model's parameters, shapes and memory plan."`
	Version versionCmd `cmd:"" help:"Print the version."`

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
		kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(errParsed) }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "cudiffuse:", err)
		return exitFailed
	}
	kc, err := k.Parse(args)
	if err != nil {
		fmt.Fprintln(stderr, "cudiffuse:", err)
		return exitUsage
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	a := &app{ctx: ctx, stdout: stdout, stderr: stderr,
		log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))}
	if err := kc.Run(a); err != nil {
		fmt.Fprintln(stderr, "cudiffuse:", err)
		return exitCode(err)
	}
	return exitOK
}

func exitCode(err error) int {
	var usage *usageError
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}

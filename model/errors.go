package model

import (
	"fmt"
	"strings"
)

// ConfigError is a config.json that cannot be used.
type ConfigError struct {
	File      string   // path inside the model folder
	Key       string   // the offending key, "" when the file as a whole is at fault
	Detail    string   // what was found
	Supported []string // the accepted values, when they can be listed
	Err       error    // the underlying failure, may be nil
}

// Error implements error.
func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model: %s: ", e.File)
	if e.Key != "" {
		fmt.Fprintf(&b, "%.100q: ", e.Key) // comes from the file
	}
	b.WriteString(e.Detail)
	if len(e.Supported) > 0 {
		fmt.Fprintf(&b, " (supported: %s)", strings.Join(e.Supported, ", "))
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %.500v", e.Err) // may quote the file
	}
	return b.String()
}

// Unwrap returns the underlying failure.
func (e *ConfigError) Unwrap() error { return e.Err }

// WeightError is a tensor in the weights that does not fit the configuration.
type WeightError struct {
	File   string // the weight file or index, "" when it is not known
	Tensor string
	Wanted string
	Found  string
	Err    error // the loader's error, may be nil
}

// Error implements error.
func (e *WeightError) Error() string {
	s := fmt.Sprintf("model: %s: tensor %q: wanted %s, found %s",
		e.File, e.Tensor, e.Wanted, e.Found)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the loader's error.
func (e *WeightError) Unwrap() error { return e.Err }

// ShapeError is an operation whose operands do not fit together, or a size that is
// not allowed.
type ShapeError struct {
	Op     string // name of the operation or the argument
	Detail string
}

// Error implements error.
func (e *ShapeError) Error() string { return "model: " + e.Op + ": " + e.Detail }

// GraphError is a graph that is not well formed.
type GraphError struct {
	Op     string // kind and name of the operation, "" for the graph as a whole
	Detail string
}

// Error implements error.
func (e *GraphError) Error() string {
	if e.Op == "" {
		return "model: graph: " + e.Detail
	}
	return "model: graph: " + e.Op + ": " + e.Detail
}

// InputError is a wrong argument of [Executor.Run].
type InputError struct {
	Input  string // which argument
	Detail string
}

// Error implements error.
func (e *InputError) Error() string { return "model: input " + e.Input + ": " + e.Detail }

func shapeErrorf(op, format string, args ...any) error {
	return &ShapeError{op, fmt.Sprintf(format, args...)}
}

func graphErrorf(op, format string, args ...any) error {
	return &GraphError{op, fmt.Sprintf(format, args...)}
}

func inputErrorf(input, format string, args ...any) error {
	return &InputError{input, fmt.Sprintf(format, args...)}
}

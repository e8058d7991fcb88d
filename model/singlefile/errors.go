package singlefile

import "errors"

// Sentinels for errors.Is. The [*Error] around them says what was found and what would have been right.
var (
	// ErrPickle is a file of Python objects, which runs code when it is read.
	ErrPickle = errors.New("pickle")
	// ErrLayout is a file that holds something else, or a tensor that the model does not have.
	ErrLayout = errors.New("unknown layout")
	// ErrVariant is a model of that layout whose kind is not supported.
	ErrVariant = errors.New("unsupported variant")
	// ErrMissing is a part that the file does not hold.
	ErrMissing = errors.New("missing part")
	// ErrTokenizer is a tokenizer that was not found.
	ErrTokenizer = errors.New("no tokenizer")
)

// Error is a file that cannot be read as a Stable Diffusion model.
type Error struct {
	File   string
	Tensor string // "" when the file as a whole is at fault
	Detail string // what was found, and what would have been right
	Err    error  // one of the sentinels
}

// Error implements error.
func (e *Error) Error() string {
	s := e.File + ": "
	if e.Tensor != "" {
		s += "tensor " + clip(e.Tensor) + ": "
	}
	return s + e.Detail
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Err }

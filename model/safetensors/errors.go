package safetensors

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
)

// Sentinels for errors.Is. They say of which sort a failure is; the [*Error] around
// them says what was found and what would have been right.
var (
	// ErrFormat is a file, an index or an argument of Write that breaks the format.
	ErrFormat = errors.New("invalid format")
	// ErrMissing is a file or a tensor that is not there.
	ErrMissing = errors.New("missing")
	// ErrDType is an element type that is not supported, or not by the called method.
	ErrDType = errors.New("wrong dtype")
	// ErrShape is a tensor whose shape is not the wanted one.
	ErrShape = errors.New("wrong shape")
)

// Error is every failure of this package.
type Error struct {
	File   string // as it was passed in, or the name inside the folder; "" when writing to a stream
	Tensor string // "" when the file as a whole is at fault
	Detail string // what was found, and what would have been right
	Err    error  // one of the sentinels, or the failure of the file system
}

// Error implements error. Names that come from a file are quoted and shortened.
func (e *Error) Error() string {
	s := "safetensors: "
	if e.File != "" {
		s += e.File + ": "
	}
	if e.Tensor != "" {
		s += "tensor " + quote(e.Tensor) + ": "
	}
	s += e.Detail
	switch e.Err {
	case nil, ErrFormat, ErrMissing, ErrDType, ErrShape: // Detail says it better
		return s
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the sentinel or the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes a file that does not exist an [ErrMissing], beside fs.ErrNotExist.
func (e *Error) Is(target error) bool {
	return target == ErrMissing && errors.Is(e.Err, fs.ErrNotExist)
}

// malformed is a breach of the format; the caller fills in the file and the tensor.
func malformed(format string, args ...any) error {
	return &Error{Detail: fmt.Sprintf(format, args...), Err: ErrFormat}
}

// inFile and inTensor name the place of an error made further down.
func inFile(err error, file string) error {
	var e *Error
	if errors.As(err, &e) && e.File == "" {
		e.File = file
	}
	return err
}

func inTensor(err error, tensor string) error {
	var e *Error
	if errors.As(err, &e) && e.Tensor == "" {
		e.Tensor = tensor
	}
	return err
}

// maxQuote is how much of a foreign string an error message shows, in bytes.
const maxQuote = 100

// quote shows a string that may be hostile: escaped, and never megabytes of it.
func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.Quote(s[:maxQuote]) + "..."
	}
	return strconv.Quote(s)
}

package pipeline

import "fmt"

// RequestError is a value of a Request that the model cannot serve.
type RequestError struct {
	Field string // e.g. "class"
	Value any
	Want  string // what would be right
}

// Error implements error.
func (e *RequestError) Error() string { return fmt.Sprintf("%s %v: want %s", e.Field, e.Value, e.Want) }

// OpenError is a model folder that cannot be opened.
type OpenError struct {
	Path   string // the folder or the file in it
	Detail string
	Err    error
}

// Error implements error.
func (e *OpenError) Error() string {
	s := "model " + e.Path
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

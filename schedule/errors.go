package schedule

import (
	"errors"
	"fmt"
)

// ErrZeroSNR is wrapped by errors about a point that has no signal left (alpha 0) while the network
// predicts epsilon: x0 = (x - sigma*epsilon)/alpha is then undefined.
var ErrZeroSNR = errors.New("zero signal-to-noise ratio with epsilon prediction")

// Error is a value that no schedule can be made of. It names the value and what would be right.
type Error struct {
	Field string // what was given, e.g. "steps"
	Value any    // the value found
	Want  string // what would be right
	Err   error  // nil, or a sentinel such as ErrZeroSNR
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("schedule: %s %v: want %s", e.Field, e.Value, e.Want)
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

// Unwrap returns the sentinel, if any.
func (e *Error) Unwrap() error { return e.Err }

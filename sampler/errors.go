package sampler

import (
	"errors"
	"fmt"
)

// PlanError is a plan that cannot be made or is not valid.
type PlanError struct {
	Sampler string
	Step    int // -1 when it is not about one step
	Detail  string
	Err     error // nil or the cause, e.g. a *schedule.Error
}

// Error implements error.
func (e *PlanError) Error() string {
	s := "plan"
	if e.Sampler != "" {
		s += " of " + e.Sampler
	}
	if e.Step >= 0 {
		s += fmt.Sprintf(", step %d", e.Step)
	}
	s += ": " + e.Detail
	if e.Err != nil {
		if e.Detail != "" {
			s += ": "
		}
		s += e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *PlanError) Unwrap() error { return e.Err }

// RequestError is a request that cannot be run.
type RequestError struct {
	Row    int    // index in the batch, -1 for the batch itself
	Field  string // e.g. "guidance scale"
	Detail string // what was found and what would be right
}

// Error implements error.
func (e *RequestError) Error() string {
	if e.Row < 0 {
		return fmt.Sprintf("batch: %s: %s", e.Field, e.Detail)
	}
	return fmt.Sprintf("request %d: %s: %s", e.Row, e.Field, e.Detail)
}

// ErrClosed is returned by a Program that was closed.
var ErrClosed = errors.New("program is closed")

// orderError is an order that a sampler does not have; most is its highest.
func orderError(name string, order, most int) error {
	return &PlanError{Sampler: name, Step: -1, Detail: fmt.Sprintf("order %d: want 1 to %d", order, most)}
}

package sampler

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
)

// State is one request in mid-run: all that the stages to come read and cannot make anew. It is saved by a
// [Saver] and goes on with [Request.Resume], in another process or on another kind of device, and ends with
// the bits of a run that was not interrupted. Noise needs no place in it: it is a function of the seed, the
// draw and the element.
//
// What the network is conditioned on is not in it, as only the Model knows it; see [State.Request].
//
// Its binary form is made by [State.MarshalBinary].
type State struct {
	Plan    *Plan
	Stage   int       // stages done, 0 to len(Plan.Stages)
	Seed    uint64    // of the noise that is still to be drawn
	Weights []float64 // of the request's conditions, in order

	X    []float32        // the sample
	D    []float32        // the last predicted clean sample, for previews; nil when no stage has evaluated
	Base []float32        // nil when no later stage reads it before writing it
	H    [Slots][]float32 // likewise, of each slot

	Average []float32 // of the projection's momentum; nil before the first guided stage and after the last

	Inpaint *Inpaint // nil for none
}

// Saver is a Program whose requests can be saved in mid-run.
type Saver interface {
	// Save returns a copy of what request row is after the steps so far. On an asynchronous device it waits
	// for them.
	Save(row int) (*State, error)
}

// ErrNotSaver is returned where a device's programs cannot be saved.
var ErrNotSaver = errors.New("the device's programs can not be saved: want a sampler.Saver")

// StateError is a [State] that cannot be written, read or resumed.
type StateError struct {
	Field  string // e.g. "checksum"
	Detail string // what was found and what would be right
	Err    error  // nil or the cause, e.g. a *PlanError
}

// Error implements error.
func (e *StateError) Error() string {
	s := "state: " + e.Field
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *StateError) Unwrap() error { return e.Err }

// Save returns what request row is after this step, see [Saver]: one read-back of a few registers.
func (s Step) Save(row int) (*State, error) {
	if s.prog == nil {
		return nil, ErrClosed
	}
	p, ok := s.prog.(Saver)
	if !ok {
		return nil, ErrNotSaver
	}
	return p.Save(row)
}

// Request returns the request that goes on from s with the plan, the seed and the weights that it was saved
// with. conds are the conditions of those weights, in the same order. s and the request share their memory.
func (s *State) Request(conds ...Cond) (Request, error) {
	if err := s.Validate(); err != nil {
		return Request{}, err
	}
	if len(conds) != len(s.Weights) {
		return Request{}, &StateError{Field: "conditions",
			Detail: fmt.Sprintf("%d: want %d", len(conds), len(s.Weights))}
	}
	r := Request{Plan: s.Plan, Seed: s.Seed, Inpaint: s.Inpaint, Resume: s}
	for i, c := range conds {
		r.Conds = append(r.Conds, Weighted{Weight: s.Weights[i], Cond: c})
	}
	return r, nil
}

// Validate checks that s can be resumed: a valid plan, a stage of it, all registers that the later stages
// read and no others, all of one length. Its errors are of type *StateError.
func (s *State) Validate() error {
	if s.Plan == nil {
		return &StateError{Field: "plan", Detail: "nil"}
	}
	if err := s.Plan.Validate(); err != nil {
		return &StateError{Field: "plan", Err: err}
	}
	if s.Stage < 0 || s.Stage > len(s.Plan.Stages) {
		return &StateError{Field: "stage", Detail: fmt.Sprintf("%d: want 0 to %d", s.Stage, len(s.Plan.Stages))}
	}
	if err := checkWeights(s.Weights); err != nil {
		return err
	}
	n := len(s.X)
	if n < 1 || n > math.MaxInt32 {
		return &StateError{Field: "x", Detail: fmt.Sprintf("%d values: want 1 to 2^31-1", n)}
	}
	live := s.Plan.Live(s.Stage)
	for _, r := range append(s.registers(), s.average()) {
		want := 0
		if r.in(live) {
			want = n
		}
		if len(*r.v) != want {
			return &StateError{Field: r.name, Detail: fmt.Sprintf("%d values: want %d", len(*r.v), want)}
		}
	}
	var e *RequestError
	if errors.As(s.Inpaint.check(0, n), &e) {
		return &StateError{Field: e.Field, Detail: e.Detail}
	}
	return nil
}

func checkWeights(weights []float64) error {
	if len(weights) == 0 {
		return &StateError{Field: "weights", Detail: "none: want at least one"}
	}
	for _, w := range weights {
		if !finite(w, float64(float32(w))) {
			return &StateError{Field: "weights", Detail: fmt.Sprintf("%v: want a finite number", w)}
		}
	}
	return nil
}

// checkResume returns what keeps r, whose samples have n elements, from going on from r.Resume. Weights and
// the values of a known part may be changed on purpose; what decides which registers there are may not.
func (r *Request) checkResume(row, n int) error {
	s := r.Resume
	if s == nil {
		return nil
	}
	fail := func(field, format string, a ...any) error {
		return &RequestError{Row: row, Field: "resume " + field, Detail: fmt.Sprintf(format, a...)}
	}
	if err := s.Validate(); err != nil {
		return &StateError{Field: fmt.Sprintf("of request %d", row), Err: err}
	}
	if s.Plan != r.Plan {
		if is, want := s.Plan.Hash(), r.Plan.Hash(); is != want {
			return fail("plan", "saved with a plan of %s, hash %x: want that of the request, %s, %x",
				s.Plan.Sampler, is[:6], r.Plan.Sampler, want[:6])
		}
	}
	switch {
	case len(s.X) != n:
		return fail("elements", "%d values: want %d", len(s.X), n)
	case len(s.Weights) != len(r.Conds):
		return fail("conditions", "saved with %d: the request has %d", len(s.Weights), len(r.Conds))
	case s.Seed != r.Seed:
		return fail("seed", "saved with %d: the request has %d", s.Seed, r.Seed)
	case (s.Inpaint == nil) != (r.Inpaint == nil):
		return fail("inpaint", "a known part in one of the state and the request, not in the other")
	}
	return nil
}

// done returns how many stages are done before the first step.
func (r *Request) done() int {
	if r.Resume == nil {
		return 0
	}
	return r.Resume.Stage
}

// Hash returns the SHA-256 of all that a plan says: plans of one hash compute the same. Plans that
// were compiled on processors of different kinds may differ in their last bits, and then in their hashes.
func (p *Plan) Hash() [sha256.Size]byte { return sha256.Sum256(appendPlan(nil, p)) }

package sampler

import "context"

// Cond is what one row of a network batch is conditioned on: a class, a prompt's embedding, nothing. The
// sampler only hands it on; the Model knows the types it takes.
type Cond any

// Weighted is one condition of a request and its weight in the guided output.
type Weighted struct {
	Weight float64
	Cond   Cond
}

// Request is one row of a batch: its own plan, conditions and seed. Its result does not depend on what
// else is in the batch.
type Request struct {
	Plan  *Plan
	Conds []Weighted // see [Guide]; the last one is the unconditional or negative one
	Seed  uint64
	Init  []float32 // the initial noise (times Plan.Init gives x) in place of the seed's; may be nil

	// Noise draws what the plan adds after the start, in place of the seed's noise: all elements of a draw, which [Stage]
	// numbers from 1. It is called between evaluations, once for each stage that takes the draw, in the order of the stages
	// and for a resumed run from its stage on. It may be nil; the CPU alone has it.
	Noise func(draw int, dst []float32)

	Inpaint *Inpaint // the part of the sample that is known; nil for none

	// Resume is a run of this plan and seed that was saved; it goes on at its stage and Init is not used. nil
	// begins at the first stage.
	Resume *State
}

// Buffer is memory that belongs to a device.
type Buffer interface {
	Len() int        // float32 elements
	Host() []float32 // the memory itself when the host can use it, otherwise nil
}

// Eval is one network evaluation for a batch. Its buffers belong to the Program and stay where they are
// from step to step. A network row is one condition of one request.
type Eval struct {
	Elems  int    // elements of one sample, e.g. C*H*W
	Conds  []Cond // of each network row; the conditions of a request follow one another
	Active []int  // the network rows to evaluate now, increasing; others may be left alone
	In     Buffer // [rows, Elems] network input, already scaled by c_in
	T      Buffer // [rows] timestep of each row
	Out    Buffer // [rows, Elems] to be filled by the Model

	// Variance is [rows, Elems], to be filled by a [VarianceModel] with the second half of its network's output as it
	// is: what it means is said by [Learned]. nil when no request has such a plan.
	Variance Buffer
}

// Model is a network on some device. It fills e.Out for the active rows. A Model may keep scratch memory
// between calls, so it is used by one goroutine unless it says otherwise.
//
// A network of another runtime is wrapped by reading e.In.Host() and e.T.Host() and writing e.Out.Host(): the host's
// slices, nil on a GPU, where gpu.OnHost wraps the Model once more and copies them. Row r of In and Out is
// [r*e.Elems : (r+1)*e.Elems], its timestep T[r] and its condition e.Conds[r]; only the rows in e.Active must be filled,
// so they may be gathered into a smaller batch. They must be written before Forward returns, and no slice may be kept
// after it. When ctx ends Forward stops, where the runtime can be stopped, and returns ctx.Err(), which ends the run;
// between steps the run looks itself.
type Model interface {
	Shape() []int // of one sample, e.g. [C, H, W]
	Forward(ctx context.Context, e *Eval) error
}

// Binder is a Model that wants to know of a program before its first step: one on a GPU makes its work a
// part of the program's.
type Binder interface {
	Bind(ctx context.Context, p Program) error
}

// Device executes plans.
type Device interface {
	Name() string // "cpu", "cuda:0"
	// Program binds requests to the device: coefficients, latents and network buffers. elems is the number
	// of elements of one sample. The requests have been checked by [Check].
	Program(elems int, reqs []Request) (Program, error)
}

// Program is a batch of requests on a device. It is used by one goroutine.
//
// Next and Step only enqueue on an asynchronous device: a failure may surface at a later call, and names
// the call that caused it.
type Program interface {
	// Next returns the evaluation that the coming Step consumes, nil when every request is done. Active is
	// empty when no row needs the network.
	Next() *Eval
	// Step does one fused update for all requests that are not done: one launch, and one before it when a
	// request that is evaluated has a plan that [Plan.Reduces].
	Step() error
	// Stage returns how many stages of request row are done.
	Stage(row int) int
	// Read copies the sample of request row to dst, which holds elems values.
	Read(row int, dst []float32) error
	// Denoised copies the predicted clean sample (d of the last stage) of request row to dst.
	Denoised(row int, dst []float32) error
	// Close frees the memory; it may be called twice.
	Close() error
}

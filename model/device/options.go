package device

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/gpu"
)

// Options tune a [Network]. The zero value is the default.
type Options struct {
	// Rows are the network rows (requests times their conditions) that plans are made for
	// when the network is loaded, 2 if it is 0. A run of another size makes its own.
	Rows int
	// Height and Width of the sample; 0 is the size that the network was made for.
	Height, Width int
	// Cache is the folder that plans are kept in; "" is cudiffuse/plans in the user's
	// cache folder. Plans hold code: it must be a folder that only you write to.
	Cache string
	// NoCache neither reads nor writes plans.
	NoCache bool
	// Bundle is a file of plans made by [Compile], looked at before the cache.
	Bundle string
	// Autotune times that many plans of each operation graph on the device and keeps the
	// fastest. 0 and 1 take the one that cuDNN ranks first: then the same number of rows
	// gives the same engines and the same bits, whatever else ran before.
	Autotune int
}

// MemoryError says that a network does not fit the device's memory.
type MemoryError struct {
	Rows        int
	Arena, Work int64 // bytes of activations and of scratch
	Weights     int64
	Available   int64 // bytes of the device that are free, weights not counted
	Fit         int   // rows that would fit, 0 if none
	ArenaFit    int64 // bytes of activations for those
	Reserved    int64 // bytes of those available that are kept for what runs beside
}

// Error implements error.
func (e *MemoryError) Error() string {
	const mib = 1 << 20
	s := fmt.Sprintf("device: %d rows need %.1f MiB of activations, %.1f MiB of scratch and %.1f MiB of weights; "+
		"the device has %.1f MiB", e.Rows, float64(e.Arena)/mib, float64(e.Work)/mib, float64(e.Weights)/mib,
		float64(e.Available)/mib)
	if e.Reserved > 0 {
		s += fmt.Sprintf(", of which %.1f MiB are kept for what runs beside", float64(e.Reserved)/mib)
	}
	if e.Fit > 0 {
		return s + fmt.Sprintf("; about %d rows would fit (%.1f MiB of activations)", e.Fit, float64(e.ArenaFit)/mib)
	}
	return s + "; not even one row would fit"
}

// ConditionError says what is wrong with the condition of a row.
type ConditionError struct {
	Row    int
	Detail string
}

// Error implements error.
func (e *ConditionError) Error() string {
	return fmt.Sprintf("device: condition of row %d: %s", e.Row, e.Detail)
}

// CompileOptions say what [Compile] makes plans for.
type CompileOptions struct {
	Target        int   // compute capability times ten: 80, 86, 89, 90, 100, 120
	Rows          []int // network rows of a run; plans are made for each
	Height, Width int   // 0 is the size that the network was made for
	Tokens        int   // of a text, model.DefaultTokens if 0
	Type          gpu.DType
	File          string // written whole or not at all
}

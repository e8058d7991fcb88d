package gpu

import "github.com/cudiffuse/cudiffuse/sampler"

// HostBuffer is a [sampler.Buffer] in host memory.
type HostBuffer []float32

var _ sampler.Buffer = HostBuffer(nil)

// Len returns the number of float32 elements.
func (b HostBuffer) Len() int { return len(b) }

// Host returns the memory itself.
func (b HostBuffer) Host() []float32 { return b }

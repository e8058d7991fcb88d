package torchrand

import (
	"math"
	"math/bits"
)

// CUDA is PyTorch's generator of a GPU: Philox 4x32-10 (Salmon et al., "Parallel Random
// Numbers: As Easy as 1, 2, 3", 2011), a counter of which each thread of a launch has
// its own part.
type CUDA struct {
	seed   uint64
	offset uint64 // of the coming launch, in calls of a thread
	width  int    // threads of the widest launch
}

// NewCUDA is torch.manual_seed(seed) for a GPU, for tensors of up to [DefaultWidth]
// elements, which give the same numbers on every GPU that has at least as many threads.
func NewCUDA(seed uint64) *CUDA { return NewCUDAWidth(seed, DefaultWidth) }

// DefaultWidth is the widest launch that every data-centre GPU since the A100 makes:
// 108 multiprocessors of 2048 threads.
const DefaultWidth = 108 * 2048

// NewCUDAWidth is NewCUDA for a GPU whose launches have at most width threads: the
// number of multiprocessors times the threads that each holds, rounded down to whole
// blocks of 256. What a larger tensor gets depends on it. A width below 1 counts as
// DefaultWidth.
func NewCUDAWidth(seed uint64, width int) *CUDA {
	const threads = 256 // of a block
	if width < threads {
		width = DefaultWidth
	}
	return &CUDA{seed: seed, width: width / threads * threads}
}

// Randn fills x as torch.randn(..., device="cuda") fills a contiguous float32 tensor. A
// thread draws four numbers a call and writes them to elements one launch width apart
// (aten/src/ATen/native/cuda/DistributionTemplates.h, distribution_nullary_kernel).
func (g *CUDA) Randn(x []float32) {
	const threads, each = 256, 4
	width := min((len(x)+threads-1)/threads*threads, g.width)
	if width == 0 {
		return
	}
	calls := (len(x) + width*each - 1) / (width * each)
	for call := range calls {
		for thread := range width {
			first := call*width*each + thread
			if first >= len(x) {
				break
			}
			normals := normal4(philox(g.offset+uint64(call), uint64(thread), g.seed))
			for k := range each {
				if i := first + k*width; i < len(x) {
					x[i] = normals[k]
				}
			}
		}
	}
	// PyTorch advances by whole calls of four numbers; its offset counts numbers.
	g.offset += uint64(calls)
}

// philox is ten rounds over the counter (call, thread) with the seed as key.
func philox(call, thread, seed uint64) [4]uint32 {
	const (
		mul0, mul1   = 0xd2511f53, 0xcd9e8d57
		weyl0, weyl1 = 0x9e3779b9, 0xbb67ae85
	)
	c := [4]uint32{uint32(call), uint32(call >> 32), uint32(thread), uint32(thread >> 32)}
	k0, k1 := uint32(seed), uint32(seed>>32)
	for range 10 {
		hi0, lo0 := bits.Mul32(mul0, c[0])
		hi1, lo1 := bits.Mul32(mul1, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k0, lo1, hi0 ^ c[3] ^ k1, lo0}
		k0, k1 = k0+weyl0, k1+weyl1
	}
	return c
}

// normal4 is cuRAND's curand_normal4: two pairs by Box and Muller, the sine first, in
// float32.
func normal4(u [4]uint32) (n [4]float32) {
	const inverse = 0x1p-32
	for p := 0; p < 4; p += 2 {
		v := float32(u[p])*inverse + inverse/2
		angle := float32(u[p+1])*(inverse*2*math.Pi) + inverse*math.Pi
		radius := math.Sqrt(-2 * math.Log(float64(v)))
		sin, cos := math.Sincos(float64(angle))
		n[p], n[p+1] = float32(radius*sin), float32(radius*cos)
	}
	return n
}

package torchrand

import "math"

// CPU is PyTorch's generator of the CPU: the Mersenne twister MT19937 (Matsumoto and
// Nishimura, "Mersenne Twister", 1998), turned to normals by Box and Muller's method
// (1958) in one of two ways, see [CPU.Randn].
type CPU struct {
	state [twisterLen]uint32
	next  int // place in state of the next number

	spare    float64 // second normal of a pair, for tensors of fewer than 16 elements
	hasSpare bool
}

const (
	twisterLen = 624
	twisterMid = 397
)

// NewCPU is torch.manual_seed(seed) for the CPU. As there, the twister takes the low 32
// bits of the seed.
func NewCPU(seed uint64) *CPU {
	g := &CPU{next: twisterLen}
	g.state[0] = uint32(seed)
	for i := 1; i < twisterLen; i++ {
		prev := g.state[i-1]
		g.state[i] = 1812433253*(prev^prev>>30) + uint32(i)
	}
	return g
}

// uint32 is the next number of the twister.
func (g *CPU) uint32() uint32 {
	if g.next == twisterLen {
		g.twist()
	}
	y := g.state[g.next]
	g.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (g *CPU) twist() {
	for i := range g.state {
		y := g.state[i]&(1<<31) | g.state[(i+1)%twisterLen]&(1<<31-1)
		g.state[i] = g.state[(i+twisterMid)%twisterLen] ^ y>>1 ^ (y&1)*0x9908b0df
	}
	g.next = 0
}

// uniform is a float32 in [0, 1) of 24 bits.
func (g *CPU) uniform() float32 { return float32(g.uint32()&(1<<24-1)) * 0x1p-24 }

// uniform64 is a float64 in [0, 1) of 53 bits. The first number drawn is the upper half.
func (g *CPU) uniform64() float64 {
	hi := uint64(g.uint32())
	n := hi<<32 | uint64(g.uint32())
	return float64(n&(1<<53-1)) * 0x1p-53
}

// Randn fills x with standard normals as torch.randn does for a contiguous float32
// tensor: from 16 elements on in blocks of 16, with fewer one by one. As in PyTorch a
// length that is no multiple of 16 draws the last 16 elements a second time.
func (g *CPU) Randn(x []float32) {
	if len(x) < block {
		for i := range x {
			x[i] = float32(g.normal())
		}
		return
	}
	for i := range x {
		x[i] = g.uniform()
	}
	for i := 0; i+block <= len(x); i += block {
		boxMuller16(x[i : i+block])
	}
	if len(x)%block != 0 {
		last := x[len(x)-block:]
		for i := range last {
			last[i] = g.uniform()
		}
		boxMuller16(last)
	}
}

// block is the number of elements that PyTorch turns to normals at a time.
const block = 16

// boxMuller16 makes normals of 16 uniform numbers: the first 8 give radii, the last 8
// angles (aten/src/ATen/native/cpu/DistributionTemplates.h, normal_fill_16).
func boxMuller16(x []float32) {
	for j := range block / 2 {
		u := 1 - x[j] // (0, 1]
		radius := math.Sqrt(-2 * math.Log(float64(u)))
		sin, cos := math.Sincos(2 * math.Pi * float64(x[j+block/2]))
		x[j], x[j+block/2] = float32(radius*cos), float32(radius*sin)
	}
}

// normal is one normal in float64, two a pair of uniform numbers
// (aten/src/ATen/core/DistributionsHelper.h, normal_distribution<double>).
func (g *CPU) normal() float64 {
	if g.hasSpare {
		g.hasSpare = false
		return g.spare
	}
	u1, u2 := g.uniform64(), g.uniform64()
	radius := math.Sqrt(-2 * math.Log1p(-u2))
	sin, cos := math.Sincos(2 * math.Pi * u1)
	g.spare, g.hasSpare = radius*sin, true
	return radius * cos
}

package torchrand

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// close32 compares normals: PyTorch's builds differ in the last places of logarithm and cosine.
func close32(t *testing.T, want, got float32, msg string) {
	t.Helper()
	assert.InDelta(t, want, got, 2e-6*math.Max(1, math.Abs(float64(want))), msg)
}

// TestCPUMatchesTorch compares with numbers of torch 2.15; see testdata/make.py.
func TestCPUMatchesTorch(t *testing.T) {
	b, err := os.ReadFile("testdata/cpu.json")
	require.NoError(t, err)
	var cases []struct {
		Seed  uint64
		Draws []struct {
			N           int
			First, Last []float32
		}
	}
	require.NoError(t, json.Unmarshal(b, &cases))
	require.Len(t, cases, 35)
	for _, c := range cases {
		g := NewCPU(c.Seed)
		for _, d := range c.Draws {
			x := make([]float32, d.N)
			g.Randn(x)
			for i, want := range d.First {
				close32(t, want, x[i], fmt.Sprintf("seed %d, %d of %d", c.Seed, i, d.N))
			}
			for i, want := range d.Last {
				at := d.N - len(d.Last) + i
				close32(t, want, x[at], fmt.Sprintf("seed %d, %d of %d", c.Seed, at, d.N))
			}
		}
	}
}

// TestTwister is the known answer of C++'s std::mt19937: the 10000th number of the default seed.
func TestTwister(t *testing.T) {
	g := NewCPU(5489)
	var n uint32
	for range 10000 {
		n = g.uint32()
	}
	assert.EqualValues(t, 4123659995, n)
}

// TestPhilox is the known answer of Random123's kat_vectors for philox4x32 with 10 rounds.
func TestPhilox(t *testing.T) {
	assert.Equal(t, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, philox(0, 0, 0))
	ones := uint64(math.MaxUint64)
	assert.Equal(t, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, philox(ones, ones, ones))
	assert.Equal(t, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		philox(0x85a308d3_243f6a88, 0x03707344_13198a2e, 0x299f31d0_a4093822))
}

// TestCUDAMatchesTorch compares with torch.randn(3, 4, device="cuda") after torch.manual_seed(0), as the
// web UI of AUTOMATIC1111 documents it (modules/rng_philox.py).
func TestCUDAMatchesTorch(t *testing.T) {
	x := make([]float32, 12)
	NewCUDA(0).Randn(x)
	want := []float32{-0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122,
		-0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497}
	for i := range want {
		close32(t, want[i], x[i], fmt.Sprint(i))
	}
}

// TestLaunchWidth: a tensor wider than a launch takes all four numbers of a call.
func TestLaunchWidth(t *testing.T) {
	narrow, wide := make([]float32, 1024), make([]float32, 1024)
	NewCUDAWidth(7, 256).Randn(narrow)
	NewCUDAWidth(7, 4096).Randn(wide)
	assert.Equal(t, wide[:256], narrow[:256])
	assert.NotEqual(t, wide[256:], narrow[256:])
	u := normal4(philox(0, 3, 7))
	assert.Equal(t, []float32{u[0], u[1], u[2], u[3]}, []float32{narrow[3], narrow[259], narrow[515], narrow[771]})
	// The next draw goes on where this one stopped.
	g := NewCUDAWidth(7, 256)
	two := make([]float32, 2048)
	NewCUDAWidth(7, 256).Randn(two)
	g.Randn(narrow)
	g.Randn(narrow)
	assert.Equal(t, two[1024:], narrow)
}

func TestNormal(t *testing.T) {
	for name, fill := range map[string]func([]float32){"cpu": NewCPU(3).Randn, "cuda": NewCUDA(3).Randn} {
		x := make([]float32, 1<<20)
		fill(x)
		var sum, squares float64
		for _, v := range x {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		assert.InDelta(t, 0, sum/float64(len(x)), 4e-3, name)
		assert.InDelta(t, 1, squares/float64(len(x)), 6e-3, name)
	}
	NewCPU(1).Randn(nil)
	NewCUDA(1).Randn(nil)
}

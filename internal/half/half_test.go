package half

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
)

// TestRounding compares with the definition, in which a value is a whole number of steps, over every
// 16-bit value, what lies around and between them, and random bits.
func TestRounding(t *testing.T) {
	types := []struct {
		ref gputest.DType
		fn  func(float32) uint16
	}{{gputest.Float16, FromFloat32}, {gputest.BFloat16, BFloat16}}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range types {
		check := func(v float32) {
			got, want := c.fn(v), c.ref.Encode(v)
			if v != v {
				require.True(t, math.IsNaN(float64(c.ref.Decode(got))), "%v of %x", c.ref, math.Float32bits(v))
				return
			}
			require.Equal(t, want, got, "%v of %v", c.ref, v)
		}
		for b := range 1 << 16 {
			v := c.ref.Decode(uint16(b))
			next := c.ref.Decode(uint16(b + 1))
			for _, x := range []float32{v, v + (next-v)/2, math.Nextafter32(v+(next-v)/2, next),
				math.Nextafter32(v+(next-v)/2, v)} {
				check(x)
			}
		}
		for range 1 << 16 {
			check(math.Float32frombits(rng.Uint32()))
		}
	}
}

// TestBack: every 16-bit value comes back as the definition has it, and rounds to itself.
func TestBack(t *testing.T) {
	for _, c := range []struct {
		ref  gputest.DType
		to   func(float32) uint16
		from func(uint16) float32
	}{{gputest.Float16, FromFloat32, ToFloat32}, {gputest.BFloat16, BFloat16, BFloat16ToFloat32}} {
		for b := range 1 << 16 {
			want, got := c.ref.Decode(uint16(b)), c.from(uint16(b))
			if want != want {
				require.True(t, got != got, "%v %#x", c.ref, b)
				continue
			}
			require.Equal(t, math.Float32bits(want), math.Float32bits(got), "%v %#x", c.ref, b)
			require.Equal(t, uint16(b), c.to(got), "%v %#x", c.ref, b)
		}
	}
}

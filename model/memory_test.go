package model

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// overlapping returns the first two buffers that are in use at the same time and share
// memory.
func overlapping(p MemoryPlan) (a, b Buffer, found bool) {
	for i, a := range p.Buffers {
		for _, b := range p.Buffers[i+1:] {
			alive := a.First <= b.Last && b.First <= a.Last
			share := a.Offset < b.Offset+b.Bytes && b.Offset < a.Offset+a.Bytes
			if alive && share {
				return a, b, true
			}
		}
	}
	return Buffer{}, Buffer{}, false
}

// liveBytes is the lower bound of the peak: the most that is in use at one operation.
func liveBytes(p MemoryPlan, ops int) int64 {
	most := int64(0)
	for i := range ops {
		sum := int64(0)
		for _, b := range p.Buffers {
			if b.First <= i && i <= b.Last {
				sum += b.Bytes
			}
		}
		most = max(most, sum)
	}
	return most
}

func TestMemoryPlan(t *testing.T) {
	for _, name := range append([]string{"fashion_config"}, goldenNames...) {
		u := randomUNet(t, "testdata/"+name+"/config.json")
		for _, batch := range []int{1, 2, 20} {
			ex, err := u.Compile(batch, nil)
			require.NoError(t, err)
			p := ex.MemoryPlan()
			a, b, found := overlapping(p)
			require.False(t, found, "%s batch %d: %v and %v", name, batch, a, b)
			low := liveBytes(p, len(u.Graph().Ops))
			t.Logf("%s batch %d: %v; %.2f times the lower bound", name, batch, p,
				float64(p.Peak)/float64(low))
			require.GreaterOrEqual(t, p.Peak, low)
			require.LessOrEqual(t, float64(p.Peak), 1.1*float64(low), name)
			require.Less(t, 3*p.Peak, p.Sum)
			require.Equal(t, 4*int64(u.Params()), p.Weights)
			for _, b := range p.Buffers {
				require.Zero(t, b.Offset%64)
				require.LessOrEqual(t, b.Offset+b.Bytes, p.Peak)
			}
		}
	}
}

// TestMemoryPlanBundled fixes the peak of the bundled network: a change that makes it
// grow shows here.
func TestMemoryPlanBundled(t *testing.T) {
	u := randomUNet(t, "testdata/fashion_config/config.json")
	ex, err := u.Compile(1, nil)
	require.NoError(t, err)
	require.LessOrEqual(t, ex.MemoryPlan().Peak, int64(1_148_992)) // measured
	require.InDelta(t, 2.74e6, u.Params(), 0.005e6)
	require.InDelta(t, 0.58e9, float64(ex.FLOPs(1)), 0.005e9) // bundled model's description
}

// TestMemoryPlanFault plants a life that ends too early, and the checker sees it.
func TestMemoryPlanFault(t *testing.T) {
	u := randomUNet(t, "testdata/unet2d_class/config.json")
	ex, err := u.Compile(2, nil)
	require.NoError(t, err)
	p := ex.MemoryPlan()
	bufs := slices.Clone(p.Buffers)
	longest := slices.MaxFunc(bufs, func(a, b Buffer) int { return (a.Last - a.First) - (b.Last - b.First) })
	for i := range bufs {
		if bufs[i] == longest {
			bufs[i].Last = bufs[i].First
		}
	}
	place(bufs)
	for i, b := range p.Buffers { // the truth about lives, with the wrong offsets
		bufs[i].Last = b.Last
	}
	_, _, found := overlapping(MemoryPlan{Buffers: bufs})
	require.True(t, found)
}

package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// conditionGolden is a golden with a context: size of the sample, and the results for
// contexts cut to other lengths.
type conditionGolden struct {
	golden
	size Size
	cut  map[int][]float32
}

var conditionNames = []string{"unet_sd15", "unet_sd21", "unet_lcm", "unet_odd", "unet_wide",
	"unet_sdxl", "unet_inpaint"}

// openCondition opens a folder of testdata.
func openCondition(t testing.TB, name string) (*UNetCondition, conditionGolden) {
	u, err := OpenUNetCondition("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	g := conditionGolden{golden: readGolden(t, f, [4]string{"in.x", "in.t", "in.y", "out.sample"})}
	g.in.Context, err = f.Float32s("in.ctx")
	require.NoError(t, err)
	if _, ok := f.Tensor("in.tcond"); ok {
		g.in.TimestepCond, err = f.Float32s("in.tcond")
		require.NoError(t, err)
	}
	if has(f, "in.text_embeds") {
		g.in.Pooled, err = f.Float32s("in.text_embeds")
		require.NoError(t, err)
		g.in.TimeIDs, err = f.Float32s("in.time_ids")
		require.NoError(t, err)
	}
	x, _ := f.Tensor("in.x")
	ctx, _ := f.Tensor("in.ctx")
	g.size = Size{x.Shape[2], x.Shape[3], ctx.Shape[1]}
	g.cut = map[int][]float32{g.size.Tokens: g.want}
	for _, n := range []int{1, 77} {
		if name := fmt.Sprintf("out.sample.%d", n); has(f, name) {
			g.cut[n], err = f.Float32s(name)
			require.NoError(t, err)
		}
	}
	return u, g
}

func has(f *safetensors.File, name string) bool {
	_, ok := f.Tensor(name)
	return ok
}

// cutContext keeps the first tokens of every row.
func cutContext(in Inputs, rows, from, to int) Inputs {
	size := len(in.Context) / rows / from
	long := in.Context
	in.Context = nil
	for r := range rows {
		in.Context = append(in.Context, long[r*from*size:(r*from+to)*size]...)
	}
	return in
}

// runCondition evaluates u on n rows with a fresh executor.
func runCondition(t testing.TB, u *UNetCondition, n int, size Size, in Inputs, threads int) []float32 {
	pool := workers.New(threads)
	defer pool.Close()
	ex, err := u.CompileSize(n, size, pool)
	require.NoError(t, err)
	out := make([]float32, n*ex.OutShape().Len())
	require.NoError(t, ex.Run(context.Background(), n, in, out))
	return out
}

// TestConditionGolden holds the networks against diffusers' float32 results, which for
// the first three are 1e-6 of their maximum away from float64.
func TestConditionGolden(t *testing.T) {
	for _, name := range conditionNames {
		u, g := openCondition(t, name)
		top := maxDiff(g.want, make([]float32, len(g.want)))
		for n, want := range g.cut {
			size := Size{g.size.H, g.size.W, n}
			d := maxDiff(want, runCondition(t, u, g.n, size, cutContext(g.in, g.n, g.size.Tokens, n), 2))
			t.Logf("%s, %d tokens: max abs difference %.2g, of numbers up to %.2g", name, n, d, top)
			require.LessOrEqual(t, d, 5e-6*max(1, top), name)
		}
	}
}

// randomCondition are n rows for u of a size.
func randomCondition(u *UNetCondition, n int, size Size) Inputs {
	rng := rand.New(rand.NewPCG(3, 5))
	floats := func(n int) []float32 {
		out := make([]float32, n)
		normals(rng, out, 1)
		return out
	}
	in := Inputs{Sample: floats(n * u.Channels() * size.H * size.W), Timestep: make([]float32, n),
		Context: floats(n * size.Tokens * u.ContextDim())}
	if d := u.Config().TimeCondDim; d > 0 {
		in.TimestepCond = floats(n * d)
	}
	if d := u.Config().PooledDim; d > 0 {
		in.Pooled, in.TimeIDs = floats(n*d), make([]float32, n*u.Config().TimeIDs)
		for i := range in.TimeIDs {
			in.TimeIDs[i] = float32(rng.IntN(2048))
		}
	}
	for i := range in.Timestep {
		in.Timestep[i] = float32(rng.IntN(1000))
		if u.Config().ClassEmbedding != ClassNone {
			in.Class = append(in.Class, int64(rng.IntN(max(1, u.Classes()))))
		}
	}
	return in
}

// rowsOf returns the given rows of in, which has n.
func rowsOf(in Inputs, n int, rows ...int) Inputs {
	take := func(x []float32) (out []float32) {
		for _, r := range rows {
			out = append(out, x[r*len(x)/n:(r+1)*len(x)/n]...)
		}
		return out
	}
	out := Inputs{Sample: take(in.Sample), Timestep: take(in.Timestep), Context: take(in.Context),
		TimestepCond: take(in.TimestepCond), Pooled: take(in.Pooled), TimeIDs: take(in.TimeIDs)}
	for _, r := range rows {
		if in.Class != nil {
			out.Class = append(out.Class, in.Class[r])
		}
	}
	return out
}

// TestConditionInvariance: a row has the same bits alone, at any place of any batch and
// with any number of threads, whatever the size and the length of the context.
func TestConditionInvariance(t *testing.T) {
	for _, name := range conditionNames {
		for _, size := range []Size{{8, 12, 77}, {2, 4, 1}, {5, 7, 78}} {
			u, _ := openCondition(t, name)
			if name == "unet_wide" {
				size.H, size.W = 2*size.H, 2*size.W // its downsampling rounds odd sizes down
			}
			const n = 5
			in := randomCondition(u, n, size)
			whole := runCondition(t, u, n, size, in, 1)
			at := len(whole) / n
			for _, threads := range []int{2, 5} {
				sameBits(t, whole, runCondition(t, u, n, size, in, threads), "%s %v %d threads", name, size, threads)
			}
			for r := range n {
				alone := runCondition(t, u, 1, size, rowsOf(in, n, r), 2)
				sameBits(t, whole[r*at:(r+1)*at], alone, "%s %v row %d alone", name, size, r)
			}
			swapped := runCondition(t, u, 2, size, rowsOf(in, n, 4, 0), 3)
			sameBits(t, whole[4*at:], swapped[:at], "%s %v row 4 first", name, size)
			sameBits(t, whole[:at], swapped[at:], "%s %v row 0 second", name, size)
		}
	}
}

package model

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var t5Names = []string{"t5_text", "t5_text_wide"}

// t5Golden is what transformers computed for two texts, with a mask and without.
type t5Golden struct {
	ids          [][]int32
	lengths      []int
	masked, full []float32
}

func openT5Golden(t testing.TB, dir string) (g t5Golden) {
	f, err := safetensors.Open(dir + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	info, _ := f.Tensor("in.ids")
	ids, err := f.Int64s("in.ids")
	require.NoError(t, err)
	mask, err := f.Int64s("in.mask")
	require.NoError(t, err)
	g.ids, g.lengths = make([][]int32, info.Shape[0]), make([]int, info.Shape[0])
	for i, id := range ids {
		row := i / info.Shape[1]
		g.ids[row] = append(g.ids[row], int32(id))
		g.lengths[row] += int(mask[i])
	}
	g.masked, err = f.Float32s("out.last")
	require.NoError(t, err)
	g.full, err = f.Float32s("out.nomask")
	require.NoError(t, err)
	return g
}

func openT5(t testing.TB, name string) (*T5Text, t5Golden) {
	m, err := OpenT5Text("testdata/" + name)
	require.NoError(t, err)
	return m, openT5Golden(t, "testdata/"+name)
}

// t5Bound is 8 times the rounding of transformers' own float32 results, which are within
// 1.3e-6 of what it computes in float64.
const t5Bound = 1e-5

// TestT5Golden holds the encoders against transformers, with a mask and without.
func TestT5Golden(t *testing.T) {
	pool := workers.New(2)
	defer pool.Close()
	for _, name := range t5Names {
		m, g := openT5(t, name)
		enc := m.Encoder(pool)
		masked, err := enc.Encode(t.Context(), g.ids, g.lengths)
		require.NoError(t, err)
		require.Len(t, masked, len(g.masked))
		full, err := enc.Encode(t.Context(), g.ids, nil)
		require.NoError(t, err)
		dm, df := maxDiff(g.masked, masked), maxDiff(g.full, full)
		t.Logf("%s: max abs difference %.2g, without a mask %.2g", name, dm, df)
		require.LessOrEqual(t, dm, t5Bound, name)
		require.LessOrEqual(t, df, t5Bound, name)
		require.Greater(t, maxDiff(masked, full), 100*t5Bound, "a mask without effect shows nothing")
	}
}

// TestT5Buckets holds the buckets of distances against transformers, also for odd options.
func TestT5Buckets(t *testing.T) {
	data, err := os.ReadFile("testdata/t5_buckets.json")
	require.NoError(t, err)
	var all []struct {
		Buckets, Distance, From int
		Want                    []int
	}
	require.NoError(t, json.Unmarshal(data, &all))
	require.Len(t, all, 6)
	for _, x := range all {
		got := make([]int, len(x.Want))
		for i := range got {
			got[i] = t5Bucket(x.From+i, x.Buckets, x.Distance)
		}
		require.Equal(t, x.Want, got, "%d buckets to %d", x.Buckets, x.Distance)
	}
}

// TestT5Rows: a row has the same bits alone and in a batch, with any number of threads;
// what is behind the length of a text has no effect on what is within.
func TestT5Rows(t *testing.T) {
	m, g := openT5(t, "t5_text_wide")
	whole, err := m.Encode(t.Context(), g.ids, g.lengths)
	require.NoError(t, err)
	pool := workers.New(3)
	defer pool.Close()
	enc := m.Encoder(pool)
	at, dim := len(whole)/2, m.HiddenDim()
	for row := range 2 {
		h, err := enc.Encode(t.Context(), g.ids[row:row+1], g.lengths[row:row+1])
		require.NoError(t, err)
		sameBits(t, whole[row*at:(row+1)*at], h, "row %d", row)
		n := g.lengths[row]
		h, err = enc.Encode(t.Context(), [][]int32{g.ids[row][:n]}, nil)
		require.NoError(t, err)
		assert.LessOrEqual(t, maxDiff(h, whole[row*at:][:n*dim]), 2e-6, "row %d", row)
	}
}

// TestT5Executor: a warm run allocates nothing and reads nothing that it has not written.
func TestT5Executor(t *testing.T) {
	m, g := openT5(t, "t5_text")
	ex, err := m.CompileTokens(3, 20, nil)
	require.NoError(t, err)
	for i := range ex.arena {
		ex.arena[i] = float32(math.NaN())
	}
	in := Inputs{TokenIndex: []int64{int64(g.lengths[0] - 1), int64(g.lengths[1] - 1)}}
	for _, row := range g.ids {
		for _, id := range row {
			in.TokenIDs = append(in.TokenIDs, int64(id))
		}
	}
	out := make([]float32, len(g.masked))
	require.NoError(t, ex.Run(t.Context(), 2, in, out))
	require.LessOrEqual(t, maxDiff(g.masked, out), t5Bound)
	for _, last := range []int64{-1, 20} {
		in := in
		in.TokenIndex = []int64{0, last}
		var e *InputError
		require.ErrorAs(t, ex.Run(t.Context(), 2, in, out), &e)
		require.Equal(t, "TokenIndex", e.Input)
	}
	if race.Enabled {
		return // the race detector allocates
	}
	ctx := context.Background()
	allocs := testing.AllocsPerRun(20, func() {
		if ex.Run(ctx, 2, in, out) != nil {
			panic("run failed")
		}
	})
	require.Less(t, allocs, 1.0)
}

// TestT5Refuses: texts and lengths that do not fit.
func TestT5Refuses(t *testing.T) {
	m, _ := openT5(t, "t5_text")
	for name, x := range map[string]struct {
		ids     [][]int32
		lengths []int
	}{
		"none": {}, "empty": {ids: [][]int32{{}}}, "ragged": {ids: [][]int32{{1}, {1, 2}}},
		"negative": {ids: [][]int32{{-1}}}, "large": {ids: [][]int32{{400}}},
		"lengths": {[][]int32{{1}}, []int{1, 1}}, "zero": {[][]int32{{1}}, []int{0}},
		"long": {[][]int32{{1}}, []int{2}},
	} {
		_, err := m.Encode(t.Context(), x.ids, x.lengths)
		var e *InputError
		require.ErrorAs(t, err, &e, name)
	}
	_, err := m.Encode(t.Context(), [][]int32{make([]int32, maxSide+1)}, nil)
	var s *ShapeError
	require.ErrorAs(t, err, &s)
}

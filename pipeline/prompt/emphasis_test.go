package prompt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

// TestEmphasize: values by hand.
func TestEmphasize(t *testing.T) {
	for name, c := range map[string]struct{ z, w, want []float32 }{
		// Sum 10; weighted 1 2 6 8, sum 17: times 10/17.
		"two tokens": {[]float32{1, 2, 3, 4}, []float32{1, 2}, []float32{10. / 17, 20. / 17, 60. / 17, 80. / 17}},
		// Sum 4; weighted 0 0 3 -1, sum 2: times 2.
		"zero": {[]float32{1, 1, 3, -1}, []float32{0, 1}, []float32{0, 0, 6, -2}},
		// Sum 2; weighted -3 1, sum -2: times -1.
		"negative": {[]float32{3, -1}, []float32{-1, -1}, []float32{3, -1}},
		// The mean of all, not that of a token: sum 6; weighted 4 4 4, sum 12: times 1/2.
		"one feature":  {[]float32{1, 4, 1}, []float32{4, 1, 4}, []float32{2, 2, 2}},
		"all the same": {[]float32{1, 5}, []float32{2, 2}, []float32{1, 5}},
		// Weighted 2 -2: no mean to restore.
		"no mean":       {[]float32{1, -2}, []float32{2, 1}, []float32{2, -2}},
		"only zeros":    {[]float32{0, 0}, []float32{2, 1}, []float32{0, 0}},
		"mean nearly 0": {[]float32{1, -2 + 1e-6}, []float32{2, 1}, []float32{2, -2 + 1e-6}},
		"nothing":       {nil, nil, nil},
	} {
		Z := append([]float32(nil), c.z...)
		prompt.Emphasize(Z, c.w)
		require.Len(t, Z, len(c.want), name)
		for i := range Z {
			require.InDelta(t, c.want[i], Z[i], 1e-6, "%s %d", name, i)
		}
	}
}

// TestEmphasizePlain: weights of 1 leave every bit, those of NaN too.
func TestEmphasizePlain(t *testing.T) {
	z := []float32{0.1, float32(math.NaN()), 1e38, -0.3}
	w := append([]float32(nil), z...)
	prompt.Emphasize(z, []float32{1, 1})
	for i := range z {
		require.Equal(t, math.Float32bits(w[i]), math.Float32bits(z[i]))
	}
}

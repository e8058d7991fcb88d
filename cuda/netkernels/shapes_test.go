//go:build cuda

package netkernels

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNetworkShapes: whole layers of networks, one image of each, where a launch has many blocks.
func TestNetworkShapes(t *testing.T) {
	r := newRig(t)
	two := []string{"group_norm_stats%s_v", "group_norm_apply%s_v"}
	for _, d := range dtypes {
		for _, c := range []struct {
			shape normShape
			want  []string
		}{
			{normShape{1, 64, 1280, 32, place{}, place{}, SiLU, true, false}, nil}, // Stable Diffusion's smallest images
			{normShape{1, 49, 12, 3, place{8, 0}, place{}, SiLU, false, false}, []string{"group_norm%s"}},
			{normShape{2, 36, 15, 3, place{1, 0}, place{8, 1}, Mish, true, false}, []string{"group_norm%s"}}, // 5 a group
			{normShape{2, 36, 40, 8, place{8, 16}, place{16, 8}, Identity, true, false}, []string{"group_norm%s_v"}},
		} {
			want := c.want
			if d == Float32 && c.shape.channels == 12 {
				want = []string{"group_norm%s_v"} // three vectors of four
			}
			s := c.shape
			_, names := r.groupNorm(d, s, noise(d, 1, s.images*s.pixels*s.channels, 0.5, 2), 1e-5)
			if want != nil {
				require.Equal(t, forType(d, want), names, "%+v", s)
			}
		}
		for _, channels := range []int{20, 640} {
			r.layerNorm(d, 9, channels, place{}, place{}, noise(d, 2, 9*channels, 0, 1))
		}
	}
	s := normShape{1, 64 * 64, 320, 32, place{}, place{}, SiLU, false, false} // and its largest
	_, names := r.groupNorm(Float16, s, noise(Float16, 3, s.pixels*s.channels, 0.5, 2), 1e-5)
	require.Equal(t, forType(Float16, two), names)
}

// TestTwoLaunchesOfSpecials: NaN and infinity of one image reach their group there, through the workspace, and
// nothing of the next image.
func TestTwoLaunchesOfSpecials(t *testing.T) {
	r := newRig(t)
	s := normShape{images: 3, pixels: 3000, channels: 16, groups: 2}
	size := s.pixels * s.channels
	for _, d := range dtypes {
		values := noise(d, 4, s.images*size, 0, 1)
		values[size+2999*s.channels] = float32(math.NaN())
		values[size+9] = float32(math.Inf(1))
		got, names := r.groupNorm(d, s, values, 1e-5)
		require.Len(t, names, 2)
		for i, v := range got {
			require.Equal(t, i/size == 1, v != v, "element %d is %g", i, v)
		}
	}
}

// TestNaNStaysInItsHead: a key that is no number makes none of its head's results, in its image only; a query its own
// row; a value its own column.
func TestNaNStaysInItsHead(t *testing.T) {
	r := newRig(t)
	s := attentionShape{images: 2, heads: 3, queries: 33, keys: 17, dim: 8}
	c := s.heads * s.dim
	s.q, s.k, s.v = place{0, 2 * c}, place{c, c}, place{2 * c, 0}
	sizes := []int{s.images * s.queries * c, s.images * s.keys * c, s.images * s.keys * c}
	for which := range 3 {
		var in [3][]float32
		for i := range in {
			in[i] = noise(Float32, uint64(i), sizes[i], 0, 1)
		}
		rows := []int{s.queries, s.keys, s.keys}[which]
		in[which][(rows+5)*c+s.dim+3] = float32(math.NaN()) // of row 5 of the second image, head 1
		for i, v := range r.attention(s, in[0], in[1], in[2], 0.4) {
			row, ch := i/c, i%c
			spoilt := row >= s.queries && ch/s.dim == 1
			switch which {
			case 0:
				spoilt = spoilt && row == s.queries+5
			case 2:
				spoilt = spoilt && ch == s.dim+3
			}
			require.Equal(t, spoilt, v != v, "operand %d, row %d, channel %d: %g", which, row, ch, v)
		}
	}
}

// TestInPlace: a result may replace the operand where package model's executors do that.
func TestInPlace(t *testing.T) {
	r := newRig(t)
	const rows, channels = 70, 24
	for _, d := range dtypes {
		for _, p := range []place{{}, {1, 2}} {
			values := noise(d, 3, rows*channels, 0, 1)
			g, b := r.params(noise(Float32, 5, channels, 1, 0.2)), r.params(noise(Float32, 6, channels, 0, 0.2))
			x, y := r.input(d, channels, p, values), r.output(d, rows, channels, p)
			for name, op := range map[string]func(to Tensor) Op{
				"pointwise": func(to Tensor) Op {
					return Pointwise{Type: d, Op: Affine, Rows: rows, RowsPerImage: rows, Channels: channels, X: x.Tensor, Y: to, Mul: 3}
				},
				"layer norm": func(to Tensor) Op {
					return LayerNorm{Type: d, Rows: rows, Channels: channels, Eps: 1e-5, X: x.Tensor, Y: to, Gamma: g.At, Beta: b.At}
				},
				"group norm": func(to Tensor) Op {
					return GroupNorm{Type: d, Images: 2, Pixels: rows / 2, Channels: channels, Groups: 3, Eps: 1e-5, X: x.Tensor,
						Y: to, Gamma: g.At, Beta: b.At}
				},
			} {
				require.NoError(t, r.dev.Write(x.buf, 0, x.sent))
				r.run(op(y.Tensor))
				r.run(op(x.Tensor))
				sameBits(t, r.read(y), r.read(x), "%s, %v, %v", name, d, p)
			}
			r.free(g, b, x, y)
		}
	}
}

// TestManyItems: a grid strides over what is more than its threads.
func TestManyItems(t *testing.T) {
	r := newRig(t)
	const rows, channels = 700, 3
	values := noise(Float32, 4, rows*channels, 0, 1)
	x, y := r.input(Float32, channels, place{}, values), r.output(Float32, rows, channels, place{})
	l := Pointwise{Op: Copy, Rows: rows, RowsPerImage: rows, Channels: channels, X: x.Tensor, Y: y.Tensor}.Launches()
	require.Greater(t, l[0].Geometry.Grid.X, 2)
	l[0].Geometry.Grid.X = 2
	r.launch(l)
	sameBits(t, values, r.read(y), "two blocks")
	r.free(x, y)
}

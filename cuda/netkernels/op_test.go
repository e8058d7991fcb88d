package netkernels

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// at is a tensor at the start of memory.
func at(stride int) Tensor { return Tensor{At: 1 << 20, Stride: stride} }

// operations are valid, one of each.
func operations() []Op {
	return []Op{
		GroupNorm{Type: Float16, Images: 2, Pixels: 49, Channels: 64, Groups: 8, X: at(64), Y: at(64)},
		GroupNorm{Type: Float16, Images: 2, Pixels: 4096, Channels: 320, Groups: 32, X: at(320), Y: at(320)},
		LayerNorm{Type: Float16, Rows: 7, Channels: 320, X: at(320), Y: at(320)},
		AdaLayerNorm{Type: Float16, Rows: 8, RowsPerImage: 4, Channels: 320, X: at(320), Y: at(320), Scale: at(1920), Shift: at(1920)},
		HeadNorm{Type: Float16, Images: 2, Tokens: 5, Heads: 3, Dim: 64, XTokens: 5, YTokens: 8, Still: 1, Norm: true, Turn: true,
			X: at(192), Y: at(192)},
		Shuffle{Type: Float16, Images: 2, H: 3, W: 5, Side: 2, Channels: 4, X: at(4), Y: at(16)},
		Shuffle{Type: Float32, Back: true, Images: 2, H: 3, W: 5, Side: 2, Channels: 4, X: at(16), Y: at(4)},
		Pointwise{Type: Float16, Op: Gate, Rows: 10, RowsPerImage: 5, Channels: 8, X: at(8), B: at(8), G: at(48), Y: at(8)},
		GEGLU{Type: BFloat16, Rows: 3, Channels: 8, X: at(16), Y: at(8)},
		Resize{Type: Float32, Mode: UpNearest, Images: 2, H: 4, W: 4, OH: 7, OW: 8, Channels: 3, X: at(3), Y: at(3)},
		Pointwise{Type: Float16, Op: Sum, Rows: 10, RowsPerImage: 5, Channels: 8, X: at(8), B: at(8), Y: at(8)},
		Layout{Type: Float16, Images: 2, Pixels: 16, Channels: 4, Image: 1 << 20, Rows: at(8)},
		EmbedTime{Type: Float16, Rows: 2, Dim: 33, Y: at(33)},
		Lookup{Type: Float16, Rows: 2, Dim: 128, Y: at(128)},
		Select{Type: Float16, Images: 2, Pixels: 77, Channels: 64, X: at(64), Y: at(64)},
		Attention{Images: 2, Heads: 4, Queries: 49, Keys: 77, Dim: 40, Q: at(160), K: at(160), V: at(320), O: at(160)},
	}
}

// TestValidate breaks each field of each operation that has limits.
func TestValidate(t *testing.T) {
	limited := map[string][]any{"Type": {DType(-1), DType(3)}, "Images": {0, -1, maxDim + 1}, "Pixels": {0}, "Channels": {0, 1 << 29},
		"Groups": {0, 7}, "X": {at(1), Tensor{1<<20 + 1, 1000}}, "Y": {at(1), Tensor{1<<20 + 1, 1000}}, "Rows": {0, -3, at(1)},
		"Mode": {ResizeMode(-1), ResizeMode(4), DownMean, UpFIR, DownFIR}, "OH": {6, 9, 0}, "OW": {6, 9}, "H": {0, 1 << 30},
		"Op": {PointwiseOp(-1), PointwiseOp(8)}, "Act": {Activation(-1), Activation(8)}, "RowsPerImage": {0}, "B": {at(1)},
		"Scale": {at(1), at(2000), Tensor{1<<20 + 1, 1920}}, "Shift": {at(1), at(2000)}, "Side": {0, -1, 1 << 20},
		"Tokens": {0, 6, 1 << 30}, "XTokens": {4}, "YTokens": {4}, "Still": {-1, 6}, "Angles": {uint64(2)}, "W": {0, 1 << 30},
		"Image": {uint64(1)}, "Dim": {0, 513, 1 << 20}, "Heads": {0, 70000}, "Queries": {0}, "Keys": {-1}, "Q": {at(1)}, "K": {at(1)},
		"V": {at(1)}, "O": {at(1)}, "ScaleShift": {Tensor{1 << 20, 20}, Tensor{1<<20 + 1, 1000}}, "Gamma": {uint64(2)}, "Beta": {uint64(1)}, "T": {uint64(1)},
		"F": {uint64(3)}, "Index": {uint64(2)}, "Table": {uint64(1)}, "Work": {uint64(1)}}
	for _, op := range operations() {
		require.NoError(t, op.Validate(), "%T", op)
		v := reflect.ValueOf(op)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			for _, bad := range limited[name] {
				if reflect.TypeOf(bad) != v.Field(i).Type() {
					continue
				}
				broken := reflect.New(v.Type()).Elem()
				broken.Set(v)
				broken.Field(i).Set(reflect.ValueOf(bad))
				err := broken.Interface().(Op).Validate()
				var e *Error
				require.ErrorAs(t, err, &e, "%T with %s %v", op, name, bad)
				require.Contains(t, e.Error(), v.Type().Name())
			}
		}
	}
	require.ErrorContains(t, Attention{Images: 1, Heads: 1, Queries: 2, Keys: 3, Dim: 8, Causal: true, Q: at(8), K: at(8),
		V: at(8), O: at(8)}.Validate(), "causal with 2 queries and 3 keys")
	require.ErrorContains(t, Attention{Type: Float16, Images: 1, Heads: 1, Queries: 2, Keys: 3, Dim: 65, Q: at(65), K: at(65),
		V: at(65), O: at(65)}.Validate(), "want at most 65535, 65535 and 64")
	require.Error(t, GroupNorm{Type: Float16, Images: 1, Pixels: 4096, Channels: 4000, Groups: 10, X: at(4000), Y: at(4000)}.Validate())
	require.Error(t, GroupNorm{Type: Float16, Images: 70000, Pixels: 1, Channels: 8, Groups: 1, X: at(8), Y: at(8)}.Validate())
	require.Error(t, Pointwise{Op: DivRow, T: 2, Rows: 1, RowsPerImage: 1, Channels: 8, X: at(8), Y: at(8)}.Validate())
	for _, g := range []Tensor{at(1), {1<<20 + 1, 1000}} {
		require.Error(t, Pointwise{Op: Gate, Rows: 1, RowsPerImage: 1, Channels: 8, X: at(8), B: at(8), Y: at(8), G: g}.Validate())
	}
	require.Error(t, Layout{Convert: true, ImageType: 9, Images: 1, Pixels: 1, Channels: 1, Rows: at(1)}.Validate())
}

// TestLaunchesDependOnShapes: addresses are arguments only, as long as they are aligned, and a batch makes more blocks
// of the same work.
func TestLaunchesDependOnShapes(t *testing.T) {
	for _, op := range operations() {
		moved := reflect.New(reflect.TypeOf(op)).Elem()
		moved.Set(reflect.ValueOf(op))
		for i := range moved.NumField() {
			switch f := moved.Field(i); f.Interface().(type) {
			case Tensor:
				f.FieldByName("At").SetUint(1 << 30)
			case uint64:
				f.SetUint(1 << 30)
			}
		}
		a, b := op.Launches(), moved.Interface().(Op).Launches()
		require.Len(t, b, len(a))
		for i := range a {
			require.Equal(t, a[i].Kernel, b[i].Kernel)
			require.Equal(t, a[i].Geometry, b[i].Geometry)
			require.LessOrEqual(t, len(a[i].Args), cuda.MaxParams)
			g := a[i].Geometry
			require.LessOrEqual(t, g.Shared, maxShared)
			require.Equal(t, threads, g.Block.X)
		}
		require.Equal(t, op.Workspace(), moved.Interface().(Op).Workspace())
		require.Equal(t, op.Workspace() > 0, len(a) > 1)
	}
	one := GroupNorm{Type: Float16, Images: 1, Pixels: 4096, Channels: 320, Groups: 32, X: at(320), Y: at(320)}
	many := one
	many.Images = 5
	for i, l := range one.Launches() {
		m := many.Launches()[i]
		require.Equal(t, l.Geometry.Grid.X, m.Geometry.Grid.X)
		require.Equal(t, 5, m.Geometry.Grid.Y)
		require.Equal(t, l.Args, m.Args)
	}
}

// TestWideAccesses: one operand that is not aligned is enough for the scalar kernel.
func TestWideAccesses(t *testing.T) {
	wide := func(op Op) bool { return strings.HasSuffix(op.Launches()[0].Kernel, "_v") }
	p := Pointwise{Type: Float16, Op: Sum, Rows: 10, RowsPerImage: 5, Channels: 8, X: at(8), B: at(16), Y: at(24)}
	require.True(t, wide(p))
	for _, f := range []func(*Pointwise){func(p *Pointwise) { p.X.At += 2 }, func(p *Pointwise) { p.B.At += 8 },
		func(p *Pointwise) { p.Y.Stride++ }, func(p *Pointwise) { p.Channels = 7 }} {
		q := p
		f(&q)
		require.NoError(t, q.Validate())
		require.False(t, wide(q), "%+v", q)
	}
	p.Type = Float32 // four elements of it are 16 bytes
	p.Channels, p.X.Stride = 4, 4
	require.True(t, wide(p))
	n := LayerNorm{Type: Float16, Rows: 1, Channels: 64, X: at(64), Y: at(64), Gamma: 1 << 20, Beta: 1 << 20}
	require.True(t, wide(n))
	n.Beta += 4
	require.False(t, wide(n))
}

// TestBytes counts by hand: elements times their size, parameters once, what two launches share twice.
func TestBytes(t *testing.T) {
	for _, c := range []struct {
		op            Op
		read, written int64
	}{
		{GroupNorm{Type: Float16, Images: 2, Pixels: 49, Channels: 64, Groups: 8, X: at(64), Y: at(64), ScaleShift: at(128)},
			2*49*64*2 + 2*64*4 + 2*128*2, 2 * 49 * 64 * 2},
		// 64 slabs of 64 pixels, 32 groups, 12 bytes each.
		{GroupNorm{Type: Float16, Images: 2, Pixels: 4096, Channels: 320, Groups: 32, X: at(320), Y: at(320)},
			2*2*4096*320*2 + 2*320*4 + 2*64*32*12, 2*4096*320*2 + 2*64*32*12},
		{LayerNorm{Type: Float16, Rows: 7, Channels: 320}, 7*320*2 + 2*320*4, 7 * 320 * 2},
		{AdaLayerNorm{Type: Float16, Rows: 8, RowsPerImage: 4, Channels: 320}, 8*320*2 + 2*2*320*2, 8 * 320 * 2},
		{HeadNorm{Type: Float16, Images: 2, Tokens: 5, Heads: 3, Dim: 64, Still: 1, Norm: true, Turn: true},
			2*5*192*2 + 64*4 + 4*64*4, 2 * 5 * 192 * 2},
		{Shuffle{Type: Float16, Images: 2, H: 3, W: 5, Side: 2, Channels: 4}, 2 * 15 * 16 * 2, 2 * 15 * 16 * 2},
		{Pointwise{Type: Float16, Op: AddImage, Rows: 10, RowsPerImage: 5, Channels: 8}, 80*2 + 40*2, 80 * 2},
		{Pointwise{Type: Float16, Op: Gate, Rows: 10, RowsPerImage: 5, Channels: 8}, 2*80*2 + 2*8*2, 80 * 2},
		{GEGLU{Type: Float32, Rows: 3, Channels: 8}, 2 * 3 * 8 * 4, 3 * 8 * 4},
		{Resize{Type: Float16, Images: 2, H: 4, W: 4, OH: 7, OW: 8, Channels: 3}, 2 * 16 * 3 * 2, 2 * 56 * 3 * 2},
		{Pointwise{Type: Float16, Op: Sum, Rows: 10, RowsPerImage: 5, Channels: 8}, 2 * 80 * 2, 80 * 2},
		{Pointwise{Type: Float16, Op: AddRow, Rows: 10, RowsPerImage: 5, Channels: 8}, 80*2 + 2*8*2, 80 * 2},
		{Pointwise{Type: Float16, Op: DivRow, Rows: 10, RowsPerImage: 5, Channels: 8}, 80*2 + 2*4, 80 * 2},
		{Pointwise{Type: Float16, Rows: 10, RowsPerImage: 5, Channels: 8}, 80 * 2, 80 * 2},
		{Layout{Type: Float16, ToRows: true, Convert: true, Images: 2, Pixels: 16, Channels: 4, Index: 4}, 128*4 + 8, 128 * 2},
		{Layout{Type: Float16, Images: 2, Pixels: 16, Channels: 4}, 128 * 2, 128 * 2},
		{EmbedTime{Type: Float16, Rows: 2, Dim: 33}, 4 * (2 + 16), 2 * 33 * 2},
		{Select{Type: BFloat16, Images: 2, Pixels: 77, Channels: 64}, 2*64*2 + 2*4, 2 * 64 * 2},
		{Attention{Type: Float16, Images: 2, Heads: 4, Queries: 77, Keys: 77, Dim: 64, Causal: true}, 2 * 256 * 3 * 77 * 2, 2 * 256 * 77 * 2},
		{Lookup{Type: BFloat16, Rows: 2, Dim: 128}, 2*128*4 + 2*4, 2 * 128 * 2},
		{Attention{Images: 2, Heads: 4, Queries: 49, Keys: 77, Dim: 40}, 2 * 160 * (49 + 2*77) * 4, 2 * 160 * 49 * 4},
	} {
		read, written := c.op.Bytes()
		require.Equal(t, c.read, read, "%+v", c.op)
		require.Equal(t, c.written, written, "%+v", c.op)
	}
}

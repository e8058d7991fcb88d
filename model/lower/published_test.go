package lower

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// published parses the network of a published model, see ../testdata/make_published.py.
func published(t *testing.T, name, file string) model.Network {
	t.Helper()
	b, err := os.ReadFile("../testdata/published/" + name + ".json")
	require.NoError(t, err)
	var files map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(b, &files))
	n, err := model.ParseNetwork(file, files[file])
	require.NoError(t, err)
	return n
}

// TestPublishedUNets lowers the U-Nets of published models for two rows at the size they were made for.
func TestPublishedUNets(t *testing.T) {
	for _, x := range []struct {
		name            string
		side            int
		ty              cudnn.DType
		steps, prologue int
		plans, launches int
		arena           int64
	}{
		{"sd15", 64, cudnn.Float16, 361, 1, 229, 163, 102_376_704},
		{"sd15", 64, cudnn.Float32, 449, 1, 197, 285, 204_753_408},
		{"sd21", 96, cudnn.Float16, 361, 1, 229, 165, 220_420_352},
		{"sd21", 96, cudnn.Float32, 449, 1, 197, 296, 440_840_704},
		{"sdxl", 128, cudnn.Float16, 973, 6, 636, 377, 382_248_960},
		{"sdxl", 128, cudnn.Float32, 1215, 7, 496, 758, 764_497_664},
		{"sdxl_refiner", 128, cudnn.Float16, 687, 6, 443, 282, 429_034_240},
		{"sdxl_refiner", 128, cudnn.Float32, 856, 7, 355, 550, 858_068_224},
	} {
		n := published(t, x.name, "unet/config.json")
		require.Equal(t, x.side, n.Height(), x.name)
		p, err := Lower(n.Graph(), Options{Rows: 2, Size: model.Size{H: x.side, W: x.side, Tokens: 77}, Type: x.ty})
		require.NoError(t, err)
		for i, s := range p.Steps {
			if s.Fusion != nil {
				require.NoError(t, s.Fusion.Validate(), "%s %v step %d %s", x.name, x.ty, i, s.Name)
			}
		}
		require.Equal(t, model.Shape{C: 4, H: x.side, W: x.side}, p.OutShape())
		c := p.Forward()
		t.Logf("%s %v: %d steps, %d of them once a prompt, %d plans and %d launches a step, %d bytes", x.name, x.ty, len(p.Steps), p.Prologue, c.Plans, c.Launches, p.Arena)
		assert.Equal(t, []int{x.steps, x.prologue, x.plans, x.launches, int(x.arena)},
			[]int{len(p.Steps), p.Prologue, c.Plans, c.Launches, int(p.Arena)}, "%s %v", x.name, x.ty)
	}
}

// TestPublishedTransformersAreRefused: with an error that names the first operation that has no kernel.
func TestPublishedTransformersAreRefused(t *testing.T) {
	for name, want := range map[string]Error{
		"sd3_medium":   {Kind: "CroppedPositions", Layer: "pos_embed"},
		"sd35_medium":  {Kind: "CroppedPositions", Layer: "pos_embed"},
		"sd35_large":   {Kind: "CroppedPositions", Layer: "pos_embed"},
		"flux_dev":     {Kind: "TimestepEmbedding", Layer: "guidance_proj"},
		"flux_schnell": {Kind: "PixelUnshuffle", Layer: "pack"},
	} {
		n := published(t, name, "transformer/config.json")
		for _, ty := range types {
			_, err := Lower(n.Graph(), Options{Rows: 2, Size: model.Size{H: 128, W: 128, Tokens: 333}, Type: ty})
			var e *Error
			require.ErrorAs(t, err, &e, name)
			require.Equal(t, want.Kind, e.Kind, name)
			require.Equal(t, want.Layer, e.Layer, name)
			require.NotEmpty(t, e.Detail, name)
		}
	}
}

package lower

import (
	"encoding/json"
	"fmt"
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
		require.Equal(t, model.Shape{C: 4, H: x.side, W: x.side}, p.OutShape())
		requireCounts(t, fmt.Sprintf("%s %v", x.name, x.ty), p, []int{x.steps, x.prologue, x.plans, x.launches, int(x.arena)})
	}
}

// requireCounts checks that cuDNN may be asked for every graph of p, and the numbers of steps, of those once a prompt, of
// plans and launches a step, and bytes of the arena.
func requireCounts(t *testing.T, name string, p *Program, want []int) {
	t.Helper()
	for i, s := range p.Steps {
		if s.Fusion != nil {
			require.NoError(t, s.Fusion.Validate(), "%s step %d %s", name, i, s.Name)
		}
	}
	c := p.Forward()
	t.Logf("%s: %d steps, %d of them once a prompt, %d plans and %d launches a step, %d bytes", name, len(p.Steps), p.Prologue, c.Plans, c.Launches, p.Arena)
	assert.Equal(t, want, []int{len(p.Steps), p.Prologue, c.Plans, c.Launches, int(p.Arena)}, name)
}

// TestPublishedTransformers does the same for transformers, at 1024x1024 pixels: the positions and angles that follow
// from it are no weights.
func TestPublishedTransformers(t *testing.T) {
	for _, x := range []struct {
		name            string
		tokens          int
		ty              cudnn.DType
		steps, prologue int
		plans, launches int
		arena           int64
	}{
		{"sd3_medium", 333, cudnn.Float16, 583, 4, 241, 338, 252_440_576},
		{"sd35_medium", 333, cudnn.Float16, 721, 4, 280, 437, 252_680_192},
		{"sd35_large", 333, cudnn.Float16, 994, 4, 381, 609, 398_144_512},
		{"flux_schnell", 256, cudnn.BFloat16, 834, 3, 290, 541, 815_840_256},
		{"flux_dev", 512, cudnn.BFloat16, 837, 5, 291, 541, 870_378_752},
		{"flux_dev", 512, cudnn.Float32, 843, 8, 233, 602, 1_738_660_096},
	} {
		n := published(t, x.name, "transformer/config.json")
		p, err := Lower(n.Graph(), Options{Rows: 2, Size: model.Size{H: 128, W: 128, Tokens: x.tokens}, Type: x.ty})
		require.NoError(t, err)
		require.Equal(t, model.Shape{C: 16, H: 128, W: 128}, p.OutShape())
		requireCounts(t, fmt.Sprintf("%s %v", x.name, x.ty), p, []int{x.steps, x.prologue, x.plans, x.launches, int(x.arena)})
	}
}

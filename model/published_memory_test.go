package model

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// publishedPlan is what a part of a published model takes for a row of its usual size.
type publishedPlan struct {
	part string // model and part; encoder and decoder of an autoencoder
	size Size
	outs []Shape
	peak int64 // bytes of the arena, without scratch, which depends on threads and the processor
}

// publishedPlans are those of a row each; sizes are latents, pixels for encoders of images, and tokens.
var publishedPlans = []publishedPlan{
	{"sd15 unet", Size{64, 64, 77}, []Shape{{4, 64, 64}}, 84_127_744},
	{"sd15 vae encoder", Size{512, 512, 0}, []Shape{{8, 64, 64}}, 402_653_184},
	{"sd15 vae decoder", Size{64, 64, 0}, []Shape{{3, 512, 512}}, 671_088_640},
	{"sd15 text_encoder", Size{1, 1, 77}, []Shape{{77, 768, 1}, {768, 1, 1}}, 1_419_264},
	{"sd21 unet", Size{96, 96, 77}, []Shape{{4, 96, 96}}, 189_064_192},
	{"sd21 vae decoder", Size{96, 96, 0}, []Shape{{3, 768, 768}}, 1_509_949_440},
	{"sd21 text_encoder", Size{1, 1, 77}, []Shape{{77, 1024, 1}, {1024, 1, 1}}, 1_892_352},
	{"sdxl unet", Size{128, 128, 77}, []Shape{{4, 128, 128}}, 226_079_744},
	{"sdxl vae encoder", Size{1024, 1024, 0}, []Shape{{8, 128, 128}}, 1_610_612_736},
	{"sdxl vae decoder", Size{128, 128, 0}, []Shape{{3, 1024, 1024}}, 2_684_354_560},
	{"sdxl text_encoder_2", Size{1, 1, 77}, []Shape{{77, 1280, 1}, {1280, 1, 1}}, 2_365_440},
	{"sdxl_refiner unet", Size{128, 128, 77}, []Shape{{4, 128, 128}}, 270_932_992},
	{"sd3_medium transformer", Size{128, 128, 333}, []Shape{{16, 128, 128}}, 155_166_720},
	{"sd3_medium vae encoder", Size{1024, 1024, 0}, []Shape{{32, 128, 128}}, 1_610_612_736},
	{"sd3_medium vae decoder", Size{128, 128, 0}, []Shape{{3, 1024, 1024}}, 2_684_354_560},
	{"sd3_medium text_encoder", Size{1, 1, 77}, []Shape{{77, 768, 1}, {768, 1, 1}}, 1_419_264},
	{"sd3_medium text_encoder_2", Size{1, 1, 77}, []Shape{{77, 1280, 1}, {1280, 1, 1}}, 2_365_440},
	{"sd3_medium text_encoder_3", Size{1, 1, 256}, []Shape{{256, 4096, 1}}, 29_360_128},
	{"sd35_medium transformer", Size{128, 128, 333}, []Shape{{16, 128, 128}}, 178_305_024},
	{"sd35_large transformer", Size{128, 128, 333}, []Shape{{16, 128, 128}}, 245_680_640},
	{"flux_dev transformer", Size{128, 128, 512}, []Shape{{16, 128, 128}}, 623_951_872},
	{"flux_dev vae decoder", Size{128, 128, 0}, []Shape{{3, 1024, 1024}}, 2_684_354_560},
	{"flux_dev text_encoder_2", Size{1, 1, 512}, []Shape{{512, 4096, 1}}, 58_720_256},
	{"flux_schnell transformer", Size{128, 128, 512}, []Shape{{16, 128, 128}}, 623_951_872},
	{"flux_schnell text_encoder_2", Size{1, 1, 256}, []Shape{{256, 4096, 1}}, 29_360_128},
}

// publishedGraph is the graph of a line of the table.
func publishedGraph(t *testing.T, part string) *Graph {
	t.Helper()
	words := strings.Fields(part)
	files, parts := openPublished(t, words[0])
	file := words[1] + "/config.json"
	graphs := publishedGraphs(t, file, files[file], parts[file].Class)
	if words[len(words)-1] == "decoder" {
		return graphs[1]
	}
	return graphs[0]
}

// TestPublishedPlans plans every part at its usual size: the shapes of the results, the bytes at the peak, and that these
// are little more than what is in use at one time.
func TestPublishedPlans(t *testing.T) {
	for _, x := range publishedPlans {
		t.Run(x.part, func(t *testing.T) {
			g := publishedGraph(t, x.part)
			shapes, err := g.ShapesAt(x.size)
			require.NoError(t, err)
			var outs []Shape
			for _, y := range g.Outputs {
				outs = append(outs, shapes[y])
			}
			require.Equal(t, x.outs, outs)
			if x.peak > maxArena {
				t.Skipf("%d bytes are more than an executor may have on this machine, %d", x.peak, maxArena)
			}
			require.NoError(t, checkRows(g, shapes, 1))
			l, err := planMemory(g, shapes, 1, make([]int, len(g.Ops)))
			require.NoError(t, err)
			a, b, found := overlapping(l.plan)
			require.False(t, found, "%v and %v", a, b)
			low := liveBytes(l.plan, len(g.Ops))
			t.Logf("%s: %d bytes, %d operations, %.2f times the lower bound, %v", x.part, l.plan.Peak, len(g.Ops),
				float64(l.plan.Peak)/float64(low), l.plan)
			require.LessOrEqual(t, float64(l.plan.Peak), 1.12*float64(low))
			require.Equal(t, x.peak, l.plan.Peak)
		})
	}
}

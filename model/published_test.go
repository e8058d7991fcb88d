package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// publishedNames are the models of testdata/published.
var publishedNames = []string{"sd15", "sd21", "sdxl", "sdxl_refiner", "sd3_medium", "sd35_medium", "sd35_large",
	"flux_dev", "flux_schnell"}

// publishedPart is what reference.json says of a part, see testdata/make_published.py.
type publishedPart struct {
	Class           string
	Params, Buffers int64
	Tensors         int
	SHA256          string
}

// openPublished returns the files of a published model, and what diffusers and transformers say of them.
func openPublished(t testing.TB, name string) (map[string]json.RawMessage, map[string]publishedPart) {
	t.Helper()
	var files map[string]json.RawMessage
	b, err := os.ReadFile("testdata/published/" + name + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &files))
	var all map[string]map[string]publishedPart
	b, err = os.ReadFile("testdata/published/reference.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &all))
	require.NotEmpty(t, all[name])
	return files, all[name]
}

// publishedGraphs parses a config.json; autoencoders have two graphs, the encoder first.
func publishedGraphs(t testing.TB, file string, config []byte, class string) []*Graph {
	t.Helper()
	switch class {
	case "CLIPTextModel", "CLIPTextModelWithProjection":
		g, err := ParseCLIPText(file, config, TextOptions{})
		require.NoError(t, err)
		return []*Graph{g}
	case "T5EncoderModel":
		g, err := ParseT5Text(file, config)
		require.NoError(t, err)
		return []*Graph{g}
	case "AutoencoderKL":
		e, d, err := ParseAutoencoder(file, config)
		require.NoError(t, err)
		return []*Graph{e, d}
	}
	n, err := ParseNetwork(file, config)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprintf("%T", n), map[string]string{"UNet2DConditionModel": "UNetCondition",
		"SD3Transformer2DModel": "SD3", "FluxTransformer2DModel": "Flux"}[class])
	require.Nil(t, n.Weights())
	return []*Graph{n.Graph()}
}

// publishedCount is the number of parameters, which an int of 32 bits does not hold.
func publishedCount(g *Graph) int64 {
	sum := int64(0)
	for _, p := range g.Params {
		n := int64(1)
		for _, d := range p.Shape {
			n *= int64(d)
		}
		sum += n
	}
	return sum
}

// publishedDigest is the digest that make_published.py makes of names and shapes; what two graphs share counts once.
func publishedDigest(graphs []*Graph) (tensors int, digest string) {
	var lines []string
	for _, g := range graphs {
		for _, p := range g.Params {
			lines = append(lines, fmt.Sprintf("%s %v\n", p.Name, p.Shape))
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return len(lines), hex.EncodeToString(sum[:])
}

// TestPublishedParts holds every part of the published models against the networks that diffusers and transformers make of
// the same configuration: the count of the parameters, and the names and shapes of all tensors.
func TestPublishedParts(t *testing.T) {
	for _, name := range publishedNames {
		files, parts := openPublished(t, name)
		n := 0
		for file, want := range parts {
			if strings.HasPrefix(file, "scheduler/") {
				continue
			}
			n++
			t.Run(name+"/"+strings.TrimSuffix(file, "/config.json"), func(t *testing.T) {
				graphs := publishedGraphs(t, file, files[file], want.Class)
				params := int64(0)
				for _, g := range graphs {
					require.NoError(t, g.Validate())
					n := publishedCount(g)
					require.Equal(t, int(n), (&network{graph: g}).Params())
					params += n
				}
				require.Equal(t, want.Params+want.Buffers, params)
				tensors, digest := publishedDigest(graphs)
				require.Equal(t, want.Tensors, tensors)
				require.Equal(t, want.SHA256, digest, "the names or shapes of the tensors")
			})
		}
		require.GreaterOrEqual(t, n, 3, name)
	}
}

// TestPublishedCounts are the numbers of parameters that the models are known by, so that reference.json is held too.
func TestPublishedCounts(t *testing.T) {
	for part, want := range map[string]int64{
		"sd15 unet": 859_520_964, "sd21 unet": 865_910_724, "sdxl unet": 2_567_463_684,
		"sd15 text_encoder": 123_060_480, "sd15 vae": 83_653_863, "sdxl text_encoder_2": 694_659_840,
		"flux_dev transformer": 11_901_408_320, "flux_schnell transformer": 11_891_178_560,
		"sd3_medium transformer": 2_028_328_000, "sd35_large transformer": 8_056_627_520,
	} {
		name, part, _ := strings.Cut(part, " ")
		_, parts := openPublished(t, name)
		require.Equal(t, want, parts[part+"/config.json"].Params, "%s: %s", name, part)
	}
}

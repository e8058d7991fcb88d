package model

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// configBytes bounds what reading any configuration may allocate: the largest that are taken describe graphs of some
// ten thousand operations, a number of the file that is believed is worth gigabytes.
const configBytes = 64 << 20

// allocated is the bytes that the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// addConfigs adds every test network's config.json, and some that are none.
func addConfigs(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/config.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, text := range []string{"", "null", "[]", "{}", `{"_class_name": 1}`, `{"num_layers": 1e99, "_class_name": "SD3Transformer2DModel"}`,
		`{"num_layers": 1000000000, "_class_name": "FluxTransformer2DModel"}`, `{"num_hidden_layers": 1000000000}`,
		`{"` + strings.Repeat("k", 1<<12) + `": `, strings.Repeat("1", 1<<12)} {
		f.Add([]byte(text))
	}
}

// requireConfigError checks that an error is one of the package's and of a size that can be shown.
func requireConfigError(t *testing.T, err error) {
	t.Helper()
	var c *ConfigError
	var g *GraphError
	var s *ShapeError
	require.True(t, errors.As(err, &c) || errors.As(err, &g) || errors.As(err, &s), "%T: %v", err, err)
	require.Less(t, len(err.Error()), 2000)
}

// configParser is a reader of configurations, without weights.
type configParser func([]byte) ([]*Graph, error)

// try gives a configuration to a parser: nothing panics, errors are typed, memory is bounded whatever the numbers in the
// file say, and the graphs that are accepted are valid.
func (parse configParser) try(t *testing.T, data []byte) {
	t.Helper()
	before := allocated()
	graphs, err := parse(data)
	require.Less(t, allocated()-before, uint64(configBytes+200*len(data)), "%.2000s", data)
	if err != nil {
		requireConfigError(t, err)
		return
	}
	require.NotEmpty(t, graphs)
	for _, g := range graphs {
		require.NoError(t, g.Validate())
		for _, size := range []Size{{8, 8, 7}, {31, 17, 3}, {1, 1, 1}} {
			if _, err := g.ShapesAt(size); err != nil {
				requireConfigError(t, err)
			}
		}
	}
}

func (parse configParser) fuzz(f *testing.F) {
	addConfigs(f)
	f.Fuzz(parse.try)
}

// configParsers are all of them.
var configParsers = map[string]configParser{
	"network": func(data []byte) ([]*Graph, error) {
		n, err := ParseNetwork("config.json", data)
		if err != nil {
			return nil, err
		}
		return []*Graph{n.Graph()}, nil
	},
	"autoencoder": func(data []byte) ([]*Graph, error) {
		enc, dec, err := ParseAutoencoder("config.json", data)
		return []*Graph{enc, dec}, err
	},
	"CLIP": func(data []byte) ([]*Graph, error) {
		g, err := ParseCLIPText("config.json", data, TextOptions{})
		return []*Graph{g}, err
	},
	"T5": func(data []byte) ([]*Graph, error) {
		g, err := ParseT5Text("config.json", data)
		return []*Graph{g}, err
	},
	"ControlNet": func(data []byte) ([]*Graph, error) {
		n, err := newControlNet("config.json", data, func(*Graph) (*Weights, error) { return nil, nil })
		if err != nil {
			return nil, err
		}
		return []*Graph{n.Graph()}, nil
	},
}

// FuzzParseNetwork reads configurations of networks of every class, which the file names.
func FuzzParseNetwork(f *testing.F) { configParsers["network"].fuzz(f) }

// FuzzParseAutoencoder reads configurations of autoencoders.
func FuzzParseAutoencoder(f *testing.F) { configParsers["autoencoder"].fuzz(f) }

// FuzzParseCLIPText reads configurations of CLIP's text encoders.
func FuzzParseCLIPText(f *testing.F) { configParsers["CLIP"].fuzz(f) }

// FuzzParseT5Text reads configurations of T5's text encoders.
func FuzzParseT5Text(f *testing.F) { configParsers["T5"].fuzz(f) }

// FuzzParseControlNet reads configurations of ControlNets.
func FuzzParseControlNet(f *testing.F) { configParsers["ControlNet"].fuzz(f) }

// TestHostileConfigValues puts values that no configuration should have in the place of every key of every test network's.
func TestHostileConfigValues(t *testing.T) {
	values := []string{"null", "-1", "0", "1", "3", "2.5", "4096", "1000000000", "4611686018427387904", "9223372036854775807", "1e300",
		"-1e-300", "1e999", `""`, `"x"`, "true", "false", "[]", "[0]", "[-1, 2]", "[1000000000, 1000000000]", "[4611686018427387904, 4]",
		`["x"]`, "{}", "[[1]]", "[null, null]"}
	files, err := filepath.Glob("testdata/*/config.json")
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		var config map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &config))
		taken := 0
		for kind, parse := range configParsers {
			if _, err := parse(data); err != nil {
				continue // of another kind
			}
			taken++
			for key, old := range config {
				for _, v := range values {
					config[key] = json.RawMessage(v)
					text, err := json.Marshal(config)
					if err != nil { // 1e999 is no number of Go, but is JSON
						continue
					}
					parse.try(t, text)
					require.False(t, t.Failed(), "%s as %s: %s = %s", name, kind, key, v)
				}
				config[key] = old
			}
		}
		require.Positive(t, taken, name)
	}
}

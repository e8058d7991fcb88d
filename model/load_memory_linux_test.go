package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// loadChild names, to a process of its own, the folder to load; loadLean is leanBytes there.
const (
	loadChild = "MODEL_TEST_LOAD"
	loadLean  = "MODEL_TEST_LEAN_BYTES"
)

// loadShare is how much memory loading may take at the peak, in the size of the weights.
const loadShare = 1.2

// TestLoadMemory holds loading a quarter-wide Stable Diffusion 1.5 U-Net, which has the same shares of
// convolutions, linear layers and its largest tensor, to 1.2 times the size of its weights: reading the
// float32 file, packing, and a forward pass of a small image. CUDIFFUSE_LOAD_FULL=1 takes the network
// as it is, a file of 3.4 GB.
func TestLoadMemory(t *testing.T) {
	if dir := os.Getenv(loadChild); dir != "" {
		loadAndRun(t, dir)
		return
	}
	if race.Enabled {
		t.Skip("the race detector has memory of its own")
	}
	config, err := os.ReadFile("lower/testdata/sd15.json")
	require.NoError(t, err)
	// A sixteenth of the weights has a sixteenth of the limit.
	lean := leanBytes / 16
	if os.Getenv("CUDIFFUSE_LOAD_FULL") == "" {
		config = quarterWide(t, config)
	} else {
		lean = leanBytes
	}
	dir := t.TempDir()
	size := writeRandomModel(t, dir, config)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadMemory$", "-test.v")
	cmd.Env = append(os.Environ(), loadChild+"="+dir, fmt.Sprint(loadLean, "=", lean))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var base, opened, packed, run int64
	line := string(out[bytes.Index(out, []byte("kB:")):])
	_, err = fmt.Sscanf(line, "kB: %d %d %d %d", &base, &opened, &packed, &run)
	require.NoError(t, err, "%s", out)
	share := func(kb int64) float64 { return float64(kb-base) * 1024 / float64(size) }
	t.Logf("%.1f MiB of weights; at the peak %.3f times that opened, %.3f packed, %.3f after a run; %s",
		float64(size)/(1<<20), share(opened), share(packed), share(run), line)
	require.Greater(t, share(packed), 0.99)
	require.LessOrEqual(t, share(run), loadShare)
}

// quarterWide is the configuration of the network with a quarter of all channels.
func quarterWide(t *testing.T, config []byte) []byte {
	var c map[string]any
	require.NoError(t, json.Unmarshal(config, &c))
	wide := c["block_out_channels"].([]any)
	for i, v := range wide {
		wide[i] = v.(float64) / 4
	}
	c["norm_num_groups"], c["cross_attention_dim"] = 16, 192
	config, err := json.Marshal(c)
	require.NoError(t, err)
	return config
}

// writeRandomModel writes a folder of the configuration and returns the size of the weights as float32.
func writeRandomModel(t *testing.T, dir string, config []byte) (size int64) {
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600))
	net, err := ParseNetwork("config.json", config)
	require.NoError(t, err)
	largest := 0
	for _, p := range net.Graph().Params {
		largest = max(largest, p.Len())
		size += 4 * int64(p.Len())
	}
	rng, values := rand.New(rand.NewPCG(71, 72)), make([]float32, largest)
	for i := range values {
		values[i] = 0.05 * (rng.Float32() - 0.5)
	}
	var data []safetensors.Data
	for _, p := range net.Graph().Params {
		data = append(data, safetensors.Data{Name: p.Name, Shape: p.Shape, F32: values[:p.Len()]})
	}
	require.NoError(t, safetensors.WriteFile(filepath.Join(dir, weightFiles[0]), data, nil))
	return size
}

// loadAndRun prints the process's peak resident memory before, and after each part of loading.
func loadAndRun(t *testing.T, dir string) {
	var err error
	leanBytes, err = strconv.ParseInt(os.Getenv(loadLean), 10, 64)
	require.NoError(t, err)
	base, start := peakKB(t), time.Now()
	u, err := OpenUNetCondition(dir)
	require.NoError(t, err)
	opened, read := peakKB(t), time.Since(start)
	p := workers.New(0)
	defer p.Close()
	e, err := u.CompileSize(1, Size{16, 16, DefaultTokens}, p)
	require.NoError(t, err)
	require.True(t, u.Weights().lean())
	packed, both := peakKB(t), time.Since(start)
	in := Inputs{Sample: make([]float32, 4*256), Timestep: make([]float32, 1), Context: make([]float32, DefaultTokens*u.ContextDim())}
	require.NoError(t, e.Run(t.Context(), 1, in, make([]float32, 4*256)))
	fmt.Printf("kB: %d %d %d %d, read in %v, packed in %v\n", base, opened, packed, peakKB(t), read, both-read)
}

// peakKB is VmHWM: everything that was resident at once, pages of mapped files too.
func peakKB(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(t, found)
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kb
}

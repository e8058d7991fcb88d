//go:build cuda

package device

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestCompile makes plans for described GPUs with whatever cuDNN there is: the pinned one in make
// test-cudnn, the emulated one in make test-cuda.
func TestCompile(t *testing.T) {
	if os.Getenv("CUDNN_REQUIRED") == "" && os.Getenv("CUDA_REQUIRED") == "" {
		if _, err := cudnn.Open(); err != nil {
			t.Skip("no cuDNN: ", err)
		}
	}
	target, anywhere := 80, os.Getenv("CUDIFFUSE_EMU") != "" || os.Getenv("CUDNN_REQUIRED") != ""
	if !anywhere { // a cuDNN older than the pinned one makes plans for the GPUs that it finds
		info := open(t, gpu.Float16, cuda.Options{}).Driver().Info()
		target = 10*info.Major + info.Minor
	}
	file := filepath.Join(t.TempDir(), "plans")
	o := CompileOptions{Target: target, Rows: []int{2}, Type: gpu.Float16, File: file}
	stats, err := Compile(context.Background(), fashion(t), o)
	require.NoError(t, err)
	assert.Greater(t, stats.Graphs, stats.Plans)
	b, err := readBundle(file)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("sm_%d", target), b.Target)
	assert.Len(t, b.Plans, stats.Plans)

	o.Target, o.File = 75, filepath.Join(t.TempDir(), "none")
	_, err = Compile(context.Background(), fashion(t), o)
	var none *cudnn.NoPlanError
	require.ErrorAs(t, err, &none, "sm_75 has no attention in 16 bits")
	assert.Contains(t, err.Error(), "sm_75")
	if anywhere {
		assert.Contains(t, err.Error(), "down_blocks.")
	}
	assert.NoFileExists(t, o.File)

	o.Target = 42
	_, err = Compile(context.Background(), fashion(t), o)
	require.ErrorContains(t, err, "sm_42")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Target = target
	_, err = Compile(ctx, fashion(t), o)
	require.ErrorIs(t, err, context.Canceled)
	assert.NoFileExists(t, o.File)
}

// TestBundle: plans made ahead of time, without a GPU, are the ones that a device runs.
func TestBundle(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	info := dev.Driver().Info()
	file := filepath.Join(t.TempDir(), "plans")
	made, err := Compile(context.Background(), fashion(t), CompileOptions{Target: 10*info.Major + info.Minor,
		Rows: []int{4}, Type: gpu.Float16, File: file})
	require.NoError(t, err)
	n := load(t, dev, fashion(t), Options{Rows: 4, Bundle: file, NoCache: true})
	assert.Equal(t, made.Plans, n.PlanStats().Bundle)
	assert.Equal(t, made.Plans, n.PlanStats().Plans)
	_, err = Load(context.Background(), dev, fashion(t), Options{Bundle: filepath.Join(t.TempDir(), "none")})
	var e *BundleError
	require.ErrorAs(t, err, &e)
}

// TestBundleOf: so are those of a network with a ControlNet, and of one that predicts a variance, which runs leave out.
func TestBundleOf(t *testing.T) {
	for name, net := range map[string]model.Network{"controlnet": controlled(t), "variance": transformer(t, "unet2d_ddpm", map[string]any{"out_channels": 6})} {
		dev := open(t, gpu.Float32, cuda.Options{})
		info := dev.Driver().Info()
		file := filepath.Join(t.TempDir(), "plans")
		made, err := Compile(context.Background(), net, CompileOptions{Target: 10*info.Major + info.Minor, Rows: []int{2},
			Type: gpu.Float32, File: file})
		require.NoError(t, err, name)
		n := load(t, dev, net, Options{Rows: 2, Bundle: file, NoCache: true})
		assert.Equal(t, made.Plans, n.PlanStats().Bundle, name)
		assert.Equal(t, made.Plans, n.PlanStats().Plans, name)
		assert.Equal(t, made.Graphs, n.PlanStats().Graphs, name)
	}
}

// TestAutotune times plans and keeps one of each graph.
func TestAutotune(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	n := load(t, dev, fashion(t), Options{Rows: 2, Autotune: 3})
	assert.Equal(t, n.PlanStats().Plans, n.PlanStats().Timed)
	again := load(t, dev, fashion(t), Options{Rows: 2, Autotune: 3, Cache: n.o.Cache})
	assert.Equal(t, n.PlanStats().Plans, again.PlanStats().Cached, "what was found by timing is kept")
}

//go:build cuda

package lower

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// architectures are those whose GPUs run all networks. sm_75 has no attention in 16 bits.
var architectures = []int{80, 86, 89, 90, 100, 120}

// realCuDNN returns the pinned cuDNN, which builds plans without a GPU; see make test-cudnn.
func realCuDNN(t *testing.T) *cudnn.Library {
	t.Helper()
	dir := os.Getenv("CUDIFFUSE_CUDNN_REAL")
	if dir == "" {
		if os.Getenv("CUDNN_REQUIRED") != "" {
			t.Fatal("CUDIFFUSE_CUDNN_REAL is not set")
		}
		t.Skip("CUDIFFUSE_CUDNN_REAL does not name the pinned cuDNN; make test-cudnn sets it")
	}
	t.Setenv("CUDIFFUSE_LIBCUDNN", filepath.Join(dir, "cudnn", "lib", "libcudnn.so.9"))
	lib, err := cudnn.Open()
	require.NoError(t, err)
	return lib
}

// different are the graphs of a program that differ in more than names.
func different(p *Program) []*cudnn.Graph {
	seen := map[string]bool{}
	var graphs []*cudnn.Graph
	for _, s := range p.Steps {
		if s.Fusion != nil && !seen[s.Fusion.Hash()] {
			seen[s.Fusion.Hash()] = true
			graphs = append(graphs, s.Fusion)
		}
	}
	return graphs
}

// TestCuDNNHasPlans builds a plan for every operation graph of every network at its real size, for every
// architecture, with the library that users have.
func TestCuDNNHasPlans(t *testing.T) {
	lib := realCuDNN(t)
	for _, n := range append(networks(t), parts(t)...) {
		for _, ty := range types {
			if n.name != "fashion" && ty != cudnn.Float16 && !(ty == cudnn.Float32 && n.name == "sdxl vae decoder") {
				continue // the shapes are what differs between networks
			}
			requirePlans(t, lib, n.name, ty, different(n.full().lower(t, ty)))
		}
	}
}

// TestWiderHasPlans is the same for what networks with more inputs have that others have not: pixels of 9 channels for
// in-painting, and the images of ControlNets, of 512x512.
func TestWiderHasPlans(t *testing.T) {
	lib := realCuDNN(t)
	plain := networks(t)[2]
	for name, n := range map[string]model.Network{"inpaint": inpaint(t), "control": controlled(t)} {
		for _, ty := range types {
			if name == "control" && ty != cudnn.Float16 {
				continue // minutes of convolutions whose shapes are the same
			}
			p, err := Lower(n.Graph(), Options{Rows: plain.rows, Size: plain.size, Type: ty, Beside: Beside(n)})
			require.NoError(t, err)
			known := map[string]bool{}
			for _, g := range different(plain.lower(t, ty)) {
				known[g.Hash()] = true
			}
			graphs := slices.DeleteFunc(different(p), func(g *cudnn.Graph) bool { return known[g.Hash()] })
			require.NotEmpty(t, graphs)
			t.Logf("%s %v: %d graphs", name, ty, len(graphs))
			requirePlans(t, lib, name, ty, graphs)
		}
	}
}

// requirePlans builds a plan of each graph for every architecture.
func requirePlans(t *testing.T, lib *cudnn.Library, name string, ty cudnn.DType, graphs []*cudnn.Graph) {
	t.Run(fmt.Sprintf("%s/%v", name, ty), func(t *testing.T) {
		for _, arch := range architectures {
			t.Run(fmt.Sprintf("sm_%d", arch), func(t *testing.T) {
				t.Parallel()
				target, err := cudnn.TargetFor(arch)
				require.NoError(t, err)
				for _, g := range graphs {
					need := []cudnn.Property{cudnn.Deterministic}
					if ty == cudnn.Float32 {
						need = append(need, cudnn.FullPrecision)
					}
					plans, err := lib.Candidates(g, target, 1, need...)
					require.NoError(t, err)
					require.NoError(t, plans[0].Close())
				}
			})
		}
	})
}

// TestRefusalNamesTheLayer: where cuDNN has no attention the error says which layer asked for it.
func TestRefusalNamesTheLayer(t *testing.T) {
	lib := realCuDNN(t)
	target, err := cudnn.TargetFor(75)
	require.NoError(t, err)
	for _, g := range different(networks(t)[0].lower(t, cudnn.Float16)) {
		if _, ok := g.Ops[0].(cudnn.SDPA); !ok {
			continue
		}
		_, err := lib.Candidates(g, target, 1)
		var none *cudnn.NoPlanError
		require.True(t, errors.As(err, &none), "%v", err)
		assert.Contains(t, err.Error(), g.Name)
		assert.Contains(t, err.Error(), "[4 4 49 32]")
		assert.Contains(t, err.Error(), "sm_75")
		return
	}
	t.Fatal("the network has no attention")
}

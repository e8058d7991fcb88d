//go:build cuda

package netkernels

import (
	"regexp"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/build"
	"github.com/stretchr/testify/require"
)

// TestKernels runs every kernel for networks in the image against float64 references.
func TestKernels(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name string
		run  func(*rig)
	}{
		{"GroupNorm", testGroupNorm}, {"GroupNormHard", testGroupNormHard}, {"GroupNormBatch", testGroupNormBatch},
		{"LayerNorm", testLayerNorm}, {"AdaLayerNorm", testAdaLayerNorm}, {"Shuffle", testShuffle}, {"HeadNorm", testHeadNorm},
		{"GEGLU", testGEGLU}, {"Resize", testResize}, {"Pointwise", testPointwise}, {"Activations", testActivations},
		{"Layout", testLayout},
		{"EmbedTime", testEmbedTime}, {"Fourier", testFourier}, {"Lookup", testLookup}, {"Select", testSelect},
		{"Attention", testAttention}, {"AttentionHard", testAttentionHard}, {"AttentionBatch", testAttentionBatch},
		{"AttentionCausal", testAttentionCausal},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(r.with(t)) })
	}
	if !t.Failed() {
		everyKernelRan(r)
	}
}

// everyKernelRan requires that no kernel of the image went untested. -run of a part fails here, and that is right: it
// is no run of the test.
func everyKernelRan(r *rig) {
	ptx, err := build.PTX()
	require.NoError(r.t, err)
	var missed []string
	elsewhere := regexp.MustCompile(`^(fused_step|start|row_scalars|row_average|fill_noise|cast)_?`) // of package gpu
	names := regexp.MustCompile(`(?m)^\.visible \.entry (\w+)`).FindAllSubmatch(ptx, -1)
	require.Greater(r.t, len(names), 80)
	for _, m := range names {
		if name := string(m[1]); !elsewhere.MatchString(name) && !r.ran[name] {
			missed = append(missed, name)
		}
	}
	slices.Sort(missed)
	require.Empty(r.t, missed, "kernels that no test launched")
}

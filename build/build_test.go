package build

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestImageIsOfTheseSources needs no compiler: the image was made from the sources that lie in cuda/
// and is complete.
func TestImageIsOfTheseSources(t *testing.T) {
	var manifest struct {
		Sources, Image map[string]string
	}
	b, err := os.ReadFile("manifest.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &manifest))

	sources := map[string]string{}
	for _, pattern := range []string{"../cuda/*.cu", "../cuda/*.cuh"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			sources[filepath.Base(f)] = hash(b)
		}
	}
	require.Equal(t, manifest.Sources, sources, "a kernel changed: run make kernels")

	names := []string{"kernels.ptx.gz"}
	for _, a := range Architectures() {
		names = append(names, fmt.Sprintf("kernels.sm_%d.gz", a))
	}
	require.Len(t, manifest.Image, len(names))
	for _, name := range names {
		b, err := read(name)
		require.NoError(t, err)
		require.Equal(t, manifest.Image[name], hash(b), name)
	}
}

func TestNative(t *testing.T) {
	for _, c := range []struct{ major, minor, want int }{
		{7, 5, 75}, {8, 0, 80}, {8, 6, 86}, {8, 7, 86}, {8, 9, 89}, {9, 0, 90},
		{10, 0, 100}, {10, 3, 100}, {12, 0, 120}, {12, 1, 120},
		{7, 0, 0}, {6, 1, 0}, {11, 0, 0}, {13, 0, 0},
	} {
		got, err := Native(c.major, c.minor)
		require.NoError(t, err)
		if c.want == 0 {
			require.Nil(t, got, "%d.%d", c.major, c.minor)
			continue
		}
		want, err := read(fmt.Sprintf("kernels.sm_%d.gz", c.want))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%d.%d", c.major, c.minor)
		_, err = elf.NewFile(bytes.NewReader(got))
		require.NoError(t, err)
	}
}

func TestPTX(t *testing.T) {
	b, err := PTX()
	require.NoError(t, err)
	require.Contains(t, string(b), "\n.version 6.3\n.target sm_75\n")
	require.Contains(t, string(b), ".entry fused_step_history_noise2_bf16(")
	// Updates have the bits of the CPU; a fused multiply-add would round differently. Networks have not.
	exact := 0
	for _, entry := range strings.Split(string(b), ".visible .entry ")[1:] {
		name, _, _ := strings.Cut(entry, "(")
		for _, prefix := range []string{"fused_step_", "start_", "fill_noise", "row_scalars_", "row_average_", "cast_"} {
			if strings.HasPrefix(name, prefix) {
				exact++
				require.NotContains(t, entry, "fma.rn", name)
			}
		}
	}
	require.Greater(t, exact, 40)
}

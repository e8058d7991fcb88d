package model

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLoadProgress: every tensor is counted, of every part, in a folder of a folder too; an error ends loading.
func TestLoadProgress(t *testing.T) {
	for _, name := range []string{"unet2d_ddpm", "unet_sd15"} {
		for _, within := range []bool{false, true} {
			fsys, dir, want := os.DirFS("testdata"), name, name
			var seen []int64
			var size int64
			watched := WithLoadProgress(fsys, func(folder string, done, total int64) error {
				require.Equal(t, want, folder)
				seen, size = append(seen, done), total
				return nil
			})
			if within {
				var err error
				watched, err = fs.Sub(watched, name)
				require.NoError(t, err)
				dir, want = ".", "."
			}
			net, err := OpenNetworkFS(watched, dir)
			require.NoError(t, err)
			require.Equal(t, net.Weights().Bytes(), size)
			require.Len(t, seen, 1+len(net.Graph().Params))
			require.Zero(t, seen[0])
			require.IsNonDecreasing(t, seen)
			require.Equal(t, size, seen[len(seen)-1])
		}
	}
	stop, calls := errors.New("stop"), 0
	_, err := OpenNetworkFS(WithLoadProgress(os.DirFS("testdata"), func(string, int64, int64) error {
		if calls++; calls == 5 {
			return stop
		}
		return nil
	}), "unet_sd15")
	require.ErrorIs(t, err, stop)
	require.Equal(t, 5, calls)
}

package netkernels

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSharedMemory: no valid GroupNorm needs more shared memory than there is, in either form, of either access.
func TestSharedMemory(t *testing.T) {
	valid := 0
	for _, d := range []DType{Float32, Float16} {
		for _, channels := range []int{1, 32, 320, 1280, 2560, 3840, 3968, 4096, 4800, 4992, 5376} {
			for _, groups := range []int{1, 8, 32, channels / 2, channels} {
				for _, pixels := range []int{1, 64, 4096} {
					for _, odd := range []int{0, 1} {
						o := GroupNorm{Type: d, Images: 1, Pixels: pixels, Channels: channels, Groups: groups, X: at(channels + odd),
							Y: at(channels + odd)}
						if groups == 0 || o.Validate() != nil {
							continue
						}
						valid++
						for _, l := range o.Launches() {
							require.LessOrEqual(t, l.Geometry.Shared, maxShared, "%+v: %s", o, l.Kernel)
						}
					}
				}
			}
		}
	}
	require.Greater(t, valid, 300)
}

// TestWorkspaceOfAnyPlace: shapes and strides alone tell the workspace. Where a slice lies may make the launches two
// that were one, as of channels that begin in the middle of an access of 16 bytes.
func TestWorkspaceOfAnyPlace(t *testing.T) {
	seen := map[[2]int]bool{}
	for _, d := range []DType{Float32, Float16, BFloat16} {
		for _, channels := range []int{12, 16, 24, 64, 320} {
			for _, pixels := range []int{49, 196, 784, 4096} {
				o := GroupNorm{Type: d, Images: 2, Pixels: pixels, Channels: channels, Groups: 4, X: Tensor{0, channels + 8},
					Y: Tensor{0, channels}}
				moved := o
				moved.X.At = 2 * uint64(d.size())
				require.Equal(t, o.Workspace(), moved.Workspace())
				for _, o := range []GroupNorm{o, moved} {
					if len(o.Launches()) > 1 {
						require.Equal(t, o.moments(), o.Workspace(), "%+v", o)
					}
				}
				seen[[2]int{len(o.Launches()), len(moved.Launches())}] = true
			}
		}
	}
	require.True(t, seen[[2]int{1, 1}] && seen[[2]int{1, 2}] && seen[[2]int{2, 2}], "%v", seen)
}

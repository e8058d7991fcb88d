//go:build !cuda

package cudnn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNotBuilt(t *testing.T) {
	lib, err := Open()
	require.ErrorIs(t, err, ErrNotBuilt)
	require.ErrorContains(t, err, "-tags cuda")
	_, err = lib.Candidates(nil, Target{}, 1)
	require.ErrorIs(t, err, ErrNotBuilt)
	_, err = lib.LoadPlan(nil, Target{}, nil)
	require.ErrorIs(t, err, ErrNotBuilt)
	_, err = lib.NewHandle(nil, nil)
	require.ErrorIs(t, err, ErrNotBuilt)
}

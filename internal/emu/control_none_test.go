//go:build !(cuda && cgo && linux)

package emu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/emu"
)

func TestControlNeedsTheTag(t *testing.T) {
	_, err := emu.Counters()
	require.ErrorIs(t, err, emu.ErrNotLoaded)
	_, err = emu.Leaks()
	require.ErrorIs(t, err, emu.ErrNotLoaded)
	require.ErrorIs(t, emu.Faults("alloc@1=2"), emu.ErrNotLoaded)
	require.ErrorIs(t, emu.Reset(), emu.ErrNotLoaded)
}

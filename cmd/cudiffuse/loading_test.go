package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLoading: large parts are shown, small ones not, and a program that is to stop does.
func TestLoading(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	report := (&app{stderr: &out, ctx: ctx}).loading()
	for _, done := range []int64{0, 5e6, 1e7} {
		require.NoError(t, report("vae", done, 1e7))
	}
	require.Empty(t, out.String())
	for i := range int64(5) {
		require.NoError(t, report("unet", i*1e8, 4e8))
	}
	require.Contains(t, out.String(), "loading unet: 100/400, ")
	require.Contains(t, out.String(), "loading unet: 400/400, 0s left\n")
	cancel()
	require.ErrorIs(t, report("unet", 0, 4e8), context.Canceled)
}

package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/device"
)

// TestPAGOnDevice: a network on a GPU has no perturbed one beside it.
func TestPAGOnDevice(t *testing.T) {
	p := &TextToImage{place: place{net: new(device.Network)}}
	require.NoError(t, p.resolvePAG(&textJob{}))
	var refused *RequestError
	require.ErrorAs(t, p.resolvePAG(&textJob{TextRequest: TextRequest{PAGScale: 3}}), &refused)
	require.Equal(t, "pag scale", refused.Field)
	require.Contains(t, refused.Want, "on the CPU")
}

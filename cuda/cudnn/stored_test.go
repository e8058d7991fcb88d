package cudnn

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStored: a file of other contents is refused before the library reads it.
func TestStored(t *testing.T) {
	g := convGraph(Float16, 2, 320, 320, 64, 3, 1)
	const text = `{"engine": 22}`
	good, err := store(92801, "sm_80", g.Hash(), text, engine{Number: 22, Varies: true})
	require.NoError(t, err)
	plan, e, err := unstore(good, 92801, Target{name: "sm_80"}, g)
	require.NoError(t, err)
	require.Equal(t, text, plan)
	require.Equal(t, engine{Number: 22, Varies: true}, e)

	damaged := func(old, replacement string) []byte {
		require.Contains(t, string(good), old)
		return []byte(strings.Replace(string(good), old, replacement, 1))
	}
	for _, c := range []struct {
		name, detail string
		text         []byte
		graph        *Graph
		target       string
	}{
		{"nothing", "damaged", nil, g, "sm_80"},
		{"no JSON", "damaged", []byte("plan"), g, "sm_80"},
		{"other JSON", "format 0", []byte("{}"), g, "sm_80"},
		{"half", "damaged", good[:len(good)/2], g, "sm_80"},
		{"another character", "check sum", damaged(`\"engine\"`, `\"Engine\"`), g, "sm_80"},
		{"another version", "made by cuDNN 9.1.0, this is 9.28.1", damaged(`"cudnn":92801`, `"cudnn":90100`), g, "sm_80"},
		{"another target", "made for sm_80, this is sm_90", good, g, "sm_90"},
		{"another graph", "another graph", good, convGraph(Float16, 2, 320, 320, 32, 3, 1), "sm_80"},
	} {
		_, _, err := unstore(c.text, 92801, Target{name: c.target}, c.graph)
		var e *PlanError
		require.ErrorAs(t, err, &e, c.name)
		require.ErrorContains(t, err, c.detail, c.name)
	}
}

// TestPlansMadeWithoutAGPU: a plan for a described GPU runs on a device of its architecture only.
func TestPlansMadeWithoutAGPU(t *testing.T) {
	device := Target{name: "NVIDIA H100 80GB HBM3 (sm_90)"}
	require.True(t, device.takes("sm_90"))
	require.True(t, device.takes(device.name))
	require.False(t, device.takes("sm_80"))
	require.False(t, device.takes("NVIDIA H200 (sm_90)"))
	require.False(t, Target{name: "sm_90"}.takes("NVIDIA H100 80GB HBM3 (sm_90)"))
}

package sampler

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestBetween: a point between two others keeps their scale, and its timestep comes from the function or
// lies evenly in the logarithm of the level.
func TestBetween(t *testing.T) {
	var none Timesteps
	require.Equal(t, schedule.VP(200, 2), none.middle(schedule.VP(300, 8), schedule.VP(100, 0.5)))
	require.Equal(t, schedule.VE(200, 2), none.middle(schedule.VE(300, 8), schedule.VE(100, 0.5)))
	f := none.middle(schedule.Flow(300, 0.8), schedule.Flow(100, 0.2)) // levels 4 and 1/4
	require.Equal(t, schedule.Flow(200, 0.5), f)
	require.InDelta(t, 150, none.at(1, schedule.VP(300, 8), schedule.VP(100, 0.5)).T, 1e-12)
	require.InDelta(t, 75, none.at(2, schedule.VP(300, 8), schedule.VP(0, 0)).T, 1e-12, "to sigma 0: in the level")

	own := Timesteps(func(l float64) float64 { return 10 * l })
	require.Equal(t, schedule.VE(20, 2), own.middle(schedule.VE(300, 8), schedule.VE(100, 0.5)))
	p := own.at(3, schedule.VP(300, 8), schedule.VP(0, 0))
	require.Equal(t, 30.0, p.T)
	require.InDelta(t, 3, p.Sigma/p.Alpha, 1e-15)
	require.InDelta(t, 1, math.Hypot(p.Alpha, p.Sigma), 1e-15)
}

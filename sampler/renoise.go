package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// renoise is a stage without the network that brings the sample from s back to t, which has more noise, by the
// forward process:
//
//	x' = alpha[t]/alpha[s]*x + sqrt(sigma[t]^2 - (alpha[t]/alpha[s]*sigma[s])^2)*noise
func renoise(s, t schedule.Point, draw int) Stage {
	r := t.Alpha / s.Alpha
	st := Stage{At: t, X: Row{X: r}, Draws: [2]int{draw}}
	st.X.N[0] = math.Sqrt(math.Max(t.Sigma*t.Sigma-r*r*s.Sigma*s.Sigma, 0))
	return st
}

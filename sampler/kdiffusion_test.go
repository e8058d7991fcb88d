package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// The functions below follow k-diffusion's sampling.py (crowsonkb/k-diffusion) line by line, for one element:
// model is denoised(x, sigma), noise gives the next normal, sigmas ends with 0.

func ancestralStep(from, to, eta float64) (down, up float64) {
	up = math.Min(to, eta*math.Sqrt(to*to*(from*from-to*to)/(from*from)))
	return math.Sqrt(to*to - up*up), up
}

// twoS is sample_dpmpp_2s_ancestral.
func twoS(model func(x, sigma float64) float64, x float64, sigmas []float64, eta float64,
	noise func() float64) float64 {
	sigmaFn := func(t float64) float64 { return math.Exp(-t) }
	tFn := func(sigma float64) float64 { return -math.Log(sigma) }
	for i := range len(sigmas) - 1 {
		denoised := model(x, sigmas[i])
		down, up := ancestralStep(sigmas[i], sigmas[i+1], eta)
		if down == 0 {
			d := (x - denoised) / sigmas[i]
			x += d * (down - sigmas[i])
		} else {
			t, next := tFn(sigmas[i]), tFn(down)
			const r = 1. / 2
			h := next - t
			s := t + r*h
			x2 := (sigmaFn(s)/sigmaFn(t))*x - math.Expm1(-h*r)*denoised
			denoised2 := model(x2, sigmaFn(s))
			x = (sigmaFn(next)/sigmaFn(t))*x - math.Expm1(-h)*denoised2
		}
		if sigmas[i+1] > 0 {
			x += noise() * up
		}
	}
	return x
}

// sde is sample_dpmpp_sde with r = 1/2; between is the noise sampler over an interval of sigma.
func sde(model func(x, sigma float64) float64, x float64, sigmas []float64, eta float64,
	between func(a, b float64) float64) float64 {
	sigmaFn := func(t float64) float64 { return math.Exp(-t) }
	tFn := func(sigma float64) float64 { return -math.Log(sigma) }
	for i := range len(sigmas) - 1 {
		denoised := model(x, sigmas[i])
		if sigmas[i+1] == 0 {
			d := (x - denoised) / sigmas[i]
			x += d * (sigmas[i+1] - sigmas[i])
			continue
		}
		t, next := tFn(sigmas[i]), tFn(sigmas[i+1])
		const r = 1. / 2
		h := next - t
		s := t + h*r
		fac := 1 / (2 * r)
		sd, su := ancestralStep(sigmaFn(t), sigmaFn(s), eta)
		s2 := tFn(sd)
		x2 := (sigmaFn(s2)/sigmaFn(t))*x - math.Expm1(t-s2)*denoised
		x2 += between(sigmaFn(t), sigmaFn(s)) * su
		denoised2 := model(x2, sigmaFn(s))
		sd, su = ancestralStep(sigmaFn(t), sigmaFn(next), eta)
		next2 := tFn(sd)
		denoisedD := (1-fac)*denoised + fac*denoised2
		x = (sigmaFn(next2)/sigmaFn(t))*x - math.Expm1(t-next2)*denoisedD
		x += between(sigmaFn(t), sigmaFn(next)) * su
	}
	return x
}

// heun is sample_heun.
func heun(model func(x, sigma float64) float64, x float64, sigmas []float64, churn, tmin, tmax, scale float64,
	noise func() float64) float64 {
	toD := func(x, sigma, denoised float64) float64 { return (x - denoised) / sigma }
	for i := range len(sigmas) - 1 {
		gamma := 0.0
		if tmin <= sigmas[i] && sigmas[i] <= tmax {
			gamma = math.Min(churn/float64(len(sigmas)-1), math.Sqrt2-1)
		}
		hat := sigmas[i] * (gamma + 1)
		if gamma > 0 {
			x += noise() * scale * math.Sqrt(hat*hat-sigmas[i]*sigmas[i])
		}
		d := toD(x, hat, model(x, hat))
		dt := sigmas[i+1] - hat
		if sigmas[i+1] == 0 {
			x += d * dt
			continue
		}
		x2 := x + d*dt
		d2 := toD(x2, sigmas[i+1], model(x2, sigmas[i+1]))
		x += (d + d2) / 2 * dt
	}
	return x
}

// TestKDiffusion compares plans, in both scales and with the network's epsilon, with the functions above.
func TestKDiffusion(t *testing.T) {
	sigmas := []float64{14.6, 6, 2.5, 1, 0.4, 0.1, 0}
	eps := func(x, sigma float64) float64 { return 0.8*math.Sin(1.7*x) + 0.1*sigma + 0.3*x } // x*c_in
	model := func(y, sigma float64) float64 { return y - sigma*eps(y/math.Sqrt(1+sigma*sigma), sigma) }
	net := func(x []float64, sigma float64) []float64 { return []float64{eps(x[0], sigma)} }
	b := newBank(32)
	for _, eta := range []float64{0, 0.4, 1} {
		for _, point := range []func(t, s float64) schedule.Point{schedule.VE, schedule.VP} {
			var pts []schedule.Point
			for _, s := range sigmas {
				pts = append(pts, point(s, s))
			}
			start := 1 / pts[0].In
			run := func(s sampler.Sampler) float64 {
				p, err := sampler.New(s, pts, schedule.Epsilon)
				require.NoError(t, err)
				return last(table.RunFrom(p, []float64{start * 0.7}, net,
					func(k int) []float64 { return b.draws[k][:1] }))[0]
			}
			y := start * 0.7 / pts[0].Alpha
			draw := 0
			next := func() float64 { draw++; return b.draws[draw][0] }
			want := twoS(model, y, sigmas, eta, next)
			got := run(sampler.DPMPP2SAncestral{Eta: &eta, Timesteps: levelTimesteps})
			require.InDelta(t, want, got, 1e-12, "dpmpp_2s_ancestral eta %v", eta)

			draw = 0
			want = sde(model, y, sigmas, eta, func(a, b float64) float64 { return next() })
			got = run(sampler.DPMPPSDE{Eta: &eta, Independent: true, Timesteps: levelTimesteps})
			require.InDelta(t, want, got, 1e-12, "dpmpp_sde eta %v", eta)

			for _, churn := range []float64{0, 1.5, 40} {
				draw = 0
				want = heun(model, y, sigmas, churn, 0.2, 7, 1.01, next)
				got = run(sampler.Heun{Churn: churn, ChurnMin: 0.2, ChurnMax: 7, ChurnNoise: 1.01, Timesteps: levelTimesteps})
				require.InDelta(t, want, got, 1e-12, "heun churn %v", churn)
			}

			// A Brownian motion: the increments over the two parts of each step are the draws.
			draw = 0
			var first, mid float64
			want = sde(model, y, sigmas, eta, func(a, b float64) float64 {
				if mid == 0 {
					first, mid = next()*math.Sqrt(a-b), b
					return first / math.Sqrt(a-b)
				}
				whole := first + next()*math.Sqrt(mid-b)
				mid = 0
				return whole / math.Sqrt(a-b)
			})
			got = run(sampler.DPMPPSDE{Eta: &eta, Timesteps: levelTimesteps})
			require.InDelta(t, want, got, 1e-12, "dpmpp_sde, Brownian, eta %v", eta)
		}
	}
}

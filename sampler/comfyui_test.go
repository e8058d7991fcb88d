package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// The functions below state what those of ComfyUI's k_diffusion/sampling.py of the same name do, for one
// element in the scale of sigma/alpha: model is denoised(x, sigma), noise gives the next normal, sigmas ends
// with 0.

type denoiser func(x, sigma float64) float64

func resMultistep(model denoiser, x float64, sigmas []float64, eta float64, noise func() float64) float64 {
	var oldDown, oldDenoised float64
	for i := range len(sigmas) - 1 {
		denoised := model(x, sigmas[i])
		down, up := ancestralStep(sigmas[i], sigmas[i+1], eta)
		if down == 0 || i == 0 {
			x += (x - denoised) / sigmas[i] * (down - sigmas[i])
		} else {
			h := math.Log(sigmas[i] / down)
			c2 := math.Log(oldDown/sigmas[i-1]) / h
			phi1 := math.Expm1(-h) / -h
			phi2 := (phi1 - 1) / -h
			x = math.Exp(-h)*x + h*((phi1-phi2/c2)*denoised+phi2/c2*oldDenoised)
		}
		if sigmas[i+1] > 0 && eta > 0 {
			x += noise() * up
		}
		oldDown, oldDenoised = down, denoised
	}
	return x
}

func gradientEstimation(model denoiser, x float64, sigmas []float64, gamma float64) float64 {
	old := 0.0
	for i := range len(sigmas) - 1 {
		denoised := model(x, sigmas[i])
		d, dt := (x-denoised)/sigmas[i], sigmas[i+1]-sigmas[i]
		if sigmas[i+1] == 0 {
			return denoised
		}
		x += d * dt
		if i > 0 {
			x += (gamma - 1) * (d - old) * dt
		}
		old = d
	}
	return x
}

func erSDE(model denoiser, x float64, sigmas []float64, stages int, noise func() float64) float64 {
	f := func(l float64) float64 { return l * (math.Exp(math.Pow(l, 0.3)) + 10) }
	var old, oldSlope float64
	for i := range len(sigmas) - 1 {
		denoised := model(x, sigmas[i])
		s, t := sigmas[i], sigmas[i+1]
		if t == 0 {
			return denoised
		}
		r, stage := f(t)/f(s), min(stages, i+1)
		x = r*x + (1-r)*denoised
		slope := 0.0
		if stage >= 2 {
			dt, sum, moment := t-s, 0.0, 0.0
			for k := range 200 {
				pos := t + float64(k)*-dt/200
				sum += 1 / f(pos) * -dt / 200
				moment += (pos - s) / f(pos) * -dt / 200
			}
			slope = (denoised - old) / (s - sigmas[i-1])
			x += (dt + sum*f(t)) * slope
			if stage >= 3 {
				u := (slope - oldSlope) / ((s - sigmas[i-2]) / 2)
				x += (dt*dt/2 + moment*f(t)) * u
			}
		}
		oldSlope, old = slope, denoised
		x += noise() * math.Sqrt(t*t-s*s*r*r)
	}
	return x
}

// ipndmV has the coefficients of the order that is used, with their misplaced parenthesis.
func ipndmV(model denoiser, x float64, sigmas []float64) float64 {
	var d []float64
	for i := range len(sigmas) - 1 {
		denoised := model(x, sigmas[i])
		if sigmas[i+1] == 0 {
			return denoised
		}
		d = append(d, (x-denoised)/sigmas[i])
		h := func(k int) float64 { return sigmas[i-k+1] - sigmas[i-k] }
		h0 := h(0)
		var c []float64
		switch order := min(4, i+1); order {
		case 1:
			c = []float64{1}
		case 2:
			c = []float64{(2 + h0/h(1)) / 2, -h0 / h(1) / 2}
		case 3, 4:
			h1, h2 := h(1), h(2)
			t1 := (1 - h0/(3*(h0+h1))*(h0*(h0+h1))/(h1*(h1+h2))) / 2
			c = []float64{(2+h0/h1)/2 + t1, -h0/h1/2 - (1+h1/h2)*t1, t1 * h1 / h2}
			if order == 4 {
				h3 := h(3)
				t2 := ((1-h0/(3*(h0+h1)))/2 + (1-h0/(2*(h0+h1)))*h0/(6*(h0+h1+h2))) *
					(h0 * (h0 + h1) * (h0 + h1 + h2)) / (h1 * (h1 + h2) * (h1 + h2 + h3))
				q := h1 * (h1 + h2) / (h2 * (h2 + h3))
				c = []float64{c[0] + t2, c[1] - (1+h1/h2+q)*t2, c[2] + (h1/h2+q*(1+h2/h3))*t2, -t2 * q * h1 / h2}
			}
		}
		for k := range c {
			x += h0 * c[k] * d[i-k]
		}
	}
	return x
}

// TestComfyUI compares plans, in both scales and with the network's epsilon, with the functions above.
func TestComfyUI(t *testing.T) {
	sigmas := []float64{14.6, 6, 2.5, 1, 0.4, 0.1, 0}
	eps := func(x, sigma float64) float64 { return 0.8*math.Sin(1.7*x) + 0.1*sigma + 0.3*x } // x*c_in
	model := func(y, sigma float64) float64 { return y - sigma*eps(y/math.Sqrt(1+sigma*sigma), sigma) }
	net := func(x []float64, sigma float64) []float64 { return []float64{eps(x[0], sigma)} }
	b := newBank(32)
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
		for _, eta := range []float64{0, 0.4, 1} {
			draw = 0
			want := resMultistep(model, y, sigmas, eta, next)
			require.InDelta(t, want, run(sampler.RES{Eta: &eta}), 1e-12, "res_multistep eta %v", eta)
		}
		for _, gamma := range []float64{1, 2, 2.6} {
			want := gradientEstimation(model, y, sigmas, gamma)
			require.InDelta(t, want, run(sampler.GradientEstimation{Gamma: &gamma}), 1e-12, "gamma %v", gamma)
		}
		for order := 1; order <= 3; order++ {
			draw = 0
			want := erSDE(model, y, sigmas, order, next)
			got := run(sampler.ERSDE{Order: order, Published: true})
			require.InDelta(t, want, got, 1e-12, "er_sde %d", order)
			if order > 1 {
				require.InDelta(t, want, run(sampler.ERSDE{Order: order}), 0.3, "er_sde %d, exact weights", order)
			}
		}
		require.InDelta(t, ipndmV(model, y, sigmas), run(sampler.IPNDMV{Published: true}), 1e-11, "ipndm_v")
	}
}

// TestCFGPP: with two conditions, U is the prediction of the unconditional one, as in ComfyUI's
// sample_euler_ancestral_cfg_pp.
func TestCFGPP(t *testing.T) {
	sigmas := []float64{14.6, 6, 2.5, 1, 0.4, 0}
	cond := func(x, sigma float64) float64 { return 0.8*math.Sin(1.7*x) + 0.1*sigma }
	uncond := func(x, sigma float64) float64 { return 0.5*math.Cos(x) - 0.02*sigma }
	const scale = 1.4
	b := newBank(32)
	for _, eta := range []float64{0, 0.5, 1} {
		x := 3.0
		draw := 0
		for i := range len(sigmas) - 1 {
			c, u := cond(x, sigmas[i]), uncond(x, sigmas[i])
			denoised := u + scale*(c-u)
			if sigmas[i+1] == 0 {
				x = denoised
				break
			}
			down, up := ancestralStep(sigmas[i], sigmas[i+1], eta)
			x = denoised + down*(x-u)/sigmas[i]
			if eta > 0 {
				draw++
				x += up * b.draws[draw][0]
			}
		}
		for _, point := range []func(t, s float64) schedule.Point{schedule.VE, schedule.VP} {
			var pts []schedule.Point
			for _, s := range sigmas {
				pts = append(pts, point(s, s))
			}
			p, err := sampler.New(sampler.CFGPP{Eta: eta}, pts, schedule.X0)
			require.NoError(t, err)
			got := 3.0 * pts[0].Alpha
			for _, st := range p.Stages {
				y := got / st.At.Alpha
				c, u := cond(y, st.At.T), uncond(y, st.At.T)
				got = st.X.X*got + st.X.D*(u+scale*(c-u)) + st.X.Unc*u
				if st.Draws[0] > 0 {
					got += st.X.N[0] * b.draws[st.Draws[0]][0]
				}
			}
			require.InDelta(t, x, got, 1e-12, "eta %v", eta)
		}
	}
}

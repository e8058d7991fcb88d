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

// guidedTwo runs a plan with the guided and the unconditional prediction of the clean sample, in float64.
func guidedTwo(p *sampler.Plan, x float64, cond, uncond denoiser, scale float64, noise func(int) float64) float64 {
	var h [sampler.Slots]float64
	for _, st := range p.Stages {
		y := x / st.At.Alpha
		c, u := cond(y, st.At.T), uncond(y, st.At.T)
		row := func(r sampler.Row) float64 {
			v := r.X*x + r.D*(u+scale*(c-u)) + r.Unc*u
			for k := range h {
				v += r.H[k] * h[k]
			}
			if st.Draws[0] > 0 {
				v += r.N[0] * noise(st.Draws[0])
			}
			return v
		}
		next := row(st.X)
		if st.Push != nil {
			h[st.Slot] = row(*st.Push)
		}
		x = next
	}
	return x
}

// TestCFGPP: with two conditions, U is the prediction of the unconditional one. The steps are those of
// ComfyUI's functions that end in _cfg_pp.
func TestCFGPP(t *testing.T) {
	sigmas := []float64{14.6, 6, 2.5, 1, 0.4, 0}
	cond := func(x, sigma float64) float64 { return 0.8*math.Sin(1.7*x) + 0.1*sigma }
	uncond := func(x, sigma float64) float64 { return 0.5*math.Cos(x) - 0.02*sigma }
	const scale, gamma = 1.4, 2.0
	b := newBank(32)
	type state struct{ oldU, oldD, oldDown float64 }
	type step func(i int, x, denoised, u, q float64, old *state) float64
	euler := func(_ int, x, denoised, u, q float64, _ *state) float64 { return denoised + q*(x-u) }
	steps := map[string]struct {
		etas []float64
		s    func(eta float64) sampler.Sampler
		step step // q is the level to go down to over the level now
	}{
		"euler": {[]float64{0, 0.5, 1}, func(eta float64) sampler.Sampler { return sampler.CFGPP{Eta: eta} }, euler},
		"gradient_estimation": {[]float64{0}, func(float64) sampler.Sampler { return sampler.GradientEstimation{CFGPP: true} },
			func(i int, x, denoised, u, q float64, old *state) float64 {
				d, dt := (x-u)/sigmas[i], (q-1)*sigmas[i]
				y := denoised + d*q*sigmas[i]
				if i > 0 {
					y += (gamma - 1) * (d - old.oldD) * dt
				}
				old.oldD = d
				return y
			}},
		"dpmpp_2m": {[]float64{0}, func(float64) sampler.Sampler { return sampler.DPMPP2MCFGPP{} },
			func(i int, x, denoised, u, q float64, old *state) float64 {
				mix := -q * u
				if i > 0 {
					r := math.Log(sigmas[i-1]/sigmas[i]) / -math.Log(q)
					mix += (1 - q) / (2 * r) * (denoised - old.oldU)
				}
				old.oldU = u
				return denoised + mix + q*x
			}},
		"res_multistep": {[]float64{0, 0.5, 1}, func(eta float64) sampler.Sampler { return sampler.RES{Eta: &eta, CFGPP: true} },
			func(i int, x, denoised, u, q float64, old *state) float64 {
				y := denoised + q*(x-u)
				if i > 0 {
					h := -math.Log(q)
					c2 := math.Log(old.oldDown/sigmas[i-1]) / h
					phi1 := math.Expm1(-h) / -h
					phi2 := (phi1 - 1) / -h
					y = q*(x+denoised-u) + h*((phi1-phi2/c2)*u+phi2/c2*old.oldU)
				}
				old.oldU, old.oldDown = u, q*sigmas[i]
				return y
			}},
	}
	for name, c := range steps {
		for _, eta := range c.etas {
			x, draw, old := 3.0, 0, state{}
			for i := range len(sigmas) - 1 {
				v, u := cond(x, sigmas[i]), uncond(x, sigmas[i])
				denoised := u + scale*(v-u)
				if sigmas[i+1] == 0 {
					x = denoised
					break
				}
				down, up := ancestralStep(sigmas[i], sigmas[i+1], eta)
				x = c.step(i, x, denoised, u, down/sigmas[i], &old)
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
				p, err := sampler.New(c.s(eta), pts, schedule.X0)
				require.NoError(t, err)
				got := guidedTwo(p, 3*pts[0].Alpha, cond, uncond, scale, func(k int) float64 { return b.draws[k][0] })
				require.InDelta(t, x, got, 1e-12, "%s eta %v", name, eta)
			}
		}
	}
}

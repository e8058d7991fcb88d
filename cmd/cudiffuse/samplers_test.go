package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// listed is what `samplers --json` prints, as a program would read it.
type listed struct {
	Samplers []struct {
		Name                               string
		A1111, ComfyUI, Diffusers, Aliases []string
		Order                              *int
		Stochastic                         *bool
		NoiseOption                        string `json:"noise_option"`
		Steps                              int    `json:"default_steps"`
		Evaluations                        string
		PerStep                            float64 `json:"evaluations_per_step"`
		Options                            []struct {
			Name, Type, Flag, About string
			Default                 any
			Min, Max                *float64
		}
	}
}

func listSamplers(t *testing.T, args string) (l listed) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(good(t, "samplers --json "+args)), &l))
	return l
}

// TestSamplers: all samplers are listed, under names that find them, and what is said of a few is so.
func TestSamplers(t *testing.T) {
	var names []string
	for _, s := range listSamplers(t, "").Samplers {
		names = append(names, s.Name)
		require.NotNil(t, s.Order, s.Name)
		require.NotNil(t, s.Stochastic, s.Name)
		require.NotEmpty(t, s.Evaluations)
		require.GreaterOrEqual(t, s.PerStep, 1.0)
		for _, other := range [][]string{s.A1111, s.ComfyUI, s.Diffusers, s.Aliases} {
			require.NotNil(t, other, "a list may be empty, not missing")
			for _, n := range other {
				e, err := sampler.Lookup(n)
				require.NoError(t, err)
				require.Equal(t, s.Name, e.Name, n)
			}
		}
	}
	require.Equal(t, sampler.Names(), names)

	l := listSamplers(t, "heun euler_a DDIM").Samplers
	require.Equal(t, "2N - 1", l[0].Evaluations)
	require.Equal(t, 2.0, l[0].PerStep)
	require.Equal(t, 2, *l[0].Order)
	require.False(t, *l[0].Stochastic)
	require.Len(t, l[0].Options, 4, "its churn")
	require.True(t, *l[1].Stochastic)
	require.Equal(t, "eta", l[1].NoiseOption)
	require.Equal(t, []string{"Euler a"}, l[1].A1111)
	require.False(t, *l[2].Stochastic)
	require.Equal(t, []string{"DDIMScheduler", "DDIMParallelScheduler", "CogVideoXDDIMScheduler"}, l[2].Diffusers)

	table := good(t, "samplers")
	for _, name := range sampler.Names() {
		require.Contains(t, table, "\n"+name+" ")
	}
	one := good(t, "samplers euler")
	for _, want := range []string{"arXiv:2206.00364", "EulerDiscreteScheduler", "--s-churn ", "(number in sigma, 0 or more; default 0)"} {
		require.Contains(t, one, want)
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"samplers", "nope"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), `unknown sampler "nope": want one of consistency, ddim`)
	require.Empty(t, stdout.String())
}

// TestSamplerFlags: the flag of every option is one of plan and of sample, that takes the bounds of the schema and
// refuses what is beyond; of an option that the sampler does not take those that it takes are named.
func TestSamplerFlags(t *testing.T) {
	help := good(t, "sample --help")
	for _, s := range listSamplers(t, "").Samplers {
		for _, o := range s.Options {
			require.Contains(t, help, strings.TrimSuffix(strings.TrimPrefix(o.Flag, "--"), "=false"))
			if o.Min == nil {
				good(t, "plan --steps 1 --sampler "+s.Name+" "+o.Flag)
				continue
			}
			good(t, fmt.Sprintf("plan --steps 1 --sampler %s %s=%v", s.Name, o.Flag, *o.Min))
			beyond := []float64{min(*o.Min-2, -1)}
			if o.Max != nil {
				good(t, fmt.Sprintf("plan --steps 1 --sampler %s %s=%v", s.Name, o.Flag, *o.Max))
				beyond = append(beyond, *o.Max+1)
			}
			for _, v := range beyond {
				var stdout, stderr bytes.Buffer
				args := []string{"plan", "--steps=1", "--sampler", s.Name, fmt.Sprintf("%s=%v", o.Flag, v)}
				require.Equal(t, exitUsage, run(t.Context(), args, &stdout, &stderr), "%v", args)
				require.Contains(t, stderr.String(), fmt.Sprintf("%s %v: want ", o.Name, v))
			}
		}
	}
	for args, want := range map[string]string{
		"plan --steps 2 --sampler dpm_2 --gamma 2":              "plan of dpm_2: has no option gamma: it takes no options",
		"plan --steps 2 --sampler ddim --jump-length 2":         "has no option jump-length: it takes eta, keep-epsilon",
		"sample --steps 1 --sampler repaint --order 2":          "has no option order: it takes eta, jump-length, jump-n-sample",
		"plan --steps 2 --scheduler-config none.json --gamma 2": "--gamma goes with --sampler",
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), strings.Fields(args), &stdout, &stderr), args)
		require.Contains(t, stderr.String(), want)
	}
}

// TestLikeRepeatsOptions: the options of samplers that a picture carries give it again.
func TestLikeRepeatsOptions(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, flags := range []string{"gradient_estimation --gamma 1.5", "repaint --jump-length 1 --jump-n-sample 2 --eta 0.5",
		"sa_solver --order 3 --eta 0.3"} {
		good(t, "sample --class 1 -n 1 --steps 4 -o a.png --sampler "+flags)
		good(t, "sample --like a.png -o b.png")
		require.Equal(t, read(t, "a.png"), read(t, "b.png"), flags)
		good(t, "sample --class 1 -n 1 --steps 4 -o c.png --sampler "+strings.Fields(flags)[0])
		require.NotEqual(t, read(t, "a.png"), read(t, "c.png"), "%s: the options count", flags)
	}
}

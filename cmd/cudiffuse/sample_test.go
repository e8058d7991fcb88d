package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// good runs a command line that must succeed and returns what it prints.
func good(t *testing.T, args string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), strings.Fields(args), &stdout, &stderr), "%s: %s", args, &stderr)
	return stdout.String()
}

// TestLikeRepeatsBitForBit: the same flags in another file, from nothing but the first file's parameters.
func TestLikeRepeatsBitForBit(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, flags := range []string{
		"",
		"--class sneaker,8 --seed 18446744073709551615 --columns 1 --zoom 2",
		"--class 0 --sampler ddim --eta 0.7 --clip-sample 0.8 --use-clipped-model-output=false",
		"--class Ankle-boot --negative sandal --guidance 3.5",
		"--class 2 --sampler euler --schedule-type karras --s-churn 1.5 --s-noise 1.01",
		"--class 3 --sampler heun --timestep-spacing linspace --clip-sample 0",
		"--class 10 --guidance 1 --sampler ddpm",
		"--class 5 --model fashion_lcm",
		"--class 5 --model fashion_lcm --original-inference-steps 25 --threads 1",
	} {
		good(t, "sample -n 1 --steps 2 -o a.png "+flags)
		good(t, "sample --like a.png -o b.png")
		require.Equal(t, read(t, "a.png"), read(t, "b.png"), "%d: %s", i, flags)
	}
	good(t, "sample -n 2 --steps 2 --class 1,7 --each -o each.png")
	for _, name := range []string{"each-0001.png", "each-0002.png", "each-0003.png", "each-0004.png"} {
		good(t, "sample --like "+name+" -o again.png")
		require.Equal(t, read(t, name), read(t, "again.png"), name)
	}
	img, err := png.Decode(bytes.NewReader(read(t, "each-0001.png")))
	require.NoError(t, err)
	require.Equal(t, 28, img.Bounds().Dx())
}

// stopAfter cancels a context when the k-th line of progress is written.
type stopAfter struct {
	lines  int
	cancel context.CancelFunc
	at     time.Time
}

func (s *stopAfter) Write(p []byte) (int, error) {
	if s.lines--; s.lines == 0 {
		s.cancel()
		s.at = time.Now()
	}
	return len(p), nil
}

func TestInterruptLeavesNothing(t *testing.T) {
	for _, args := range []string{"sample -n 1 --steps 1000 -s ddpm -o x.png", "compare -n 2 --out ."} {
		t.Chdir(t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		w := &stopAfter{lines: 1, cancel: cancel}
		if strings.HasPrefix(args, "sample") { // the first tenth is 100 steps away: stop by time
			time.AfterFunc(300*time.Millisecond, func() { w.at = time.Now(); cancel() })
		} else {
			time.AfterFunc(300*time.Millisecond, cancel)
		}
		var stdout bytes.Buffer
		require.Equal(t, exitInterrupted, run(ctx, strings.Fields(args), &stdout, w))
		require.Empty(t, stdout.String())
		require.Empty(t, listing(t, "."), args)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("dir", 0o755))
	fail := func(path string) error {
		return writeFile(path, func(w io.Writer) error {
			_, err := w.Write([]byte("half of it"))
			require.NoError(t, err)
			return os.ErrInvalid
		})
	}
	require.ErrorIs(t, fail("dir/a"), os.ErrInvalid)
	require.Empty(t, listing(t, "dir"))
	require.NoError(t, os.WriteFile("dir/a", []byte("old"), 0o644))
	require.ErrorIs(t, fail("dir/a"), os.ErrInvalid)
	require.Equal(t, "old", string(read(t, "dir/a")), "the old file is whole")
	if _, err := os.Stat("/dev/full"); err == nil {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields("sample -n 1 --class 1 --steps 1 -o /dev/full"), &stdout, &stderr)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr.String(), "no space left")
	}
}

func TestJSONOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	var made struct {
		Files       []string
		Images      int
		Evaluations int
		Parameters  string
	}
	require.NoError(t, json.Unmarshal([]byte(good(t, "sample -n 1 --class 1 --steps 2 --json")), &made))
	require.Equal(t, []string{"samples.png"}, made.Files)
	require.Equal(t, 1, made.Images)
	require.Equal(t, 4, made.Evaluations, "two conditions, two steps")
	require.Contains(t, made.Parameters, "Steps: 2, Sampler: dpmpp_2m")
	var in inspection
	require.NoError(t, json.Unmarshal([]byte(good(t, "inspect --json --ops --batch 4")), &in))
	require.Equal(t, 2736353, in.Params)
	require.Len(t, in.Ops, in.Operations)
	require.Less(t, in.Peak, in.Sum)
}

// TestPlanJSON holds the documented fields for every sampler.
func TestPlanJSON(t *testing.T) {
	for _, name := range sampler.Names() {
		var p struct {
			Init   *float64
			Stages []map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(good(t, "plan --json --steps 4 --sampler "+name)), &p), name)
		require.NotNil(t, p.Init)
		require.NotEmpty(t, p.Stages)
		for _, st := range p.Stages {
			for _, f := range []string{"step", "t", "alpha", "sigma", "eval", "final", "c_in", "skip", "out", "rows", "draws"} {
				require.Contains(t, st, f, name)
			}
			require.NotContains(t, st, "clip")
		}
		require.Contains(t, good(t, "plan --steps 4 --sampler "+name), "x = ")
	}
	require.Contains(t, good(t, "plan --json --steps 4 --sampler ddim --clip-sample 0.7"), `"clip":0.7`)
}

// TestForwardMatchesDiffusers is the tool's whole way, files included, on the reference networks.
func TestForwardMatchesDiffusers(t *testing.T) {
	models, err := filepath.Abs(testModels) // before the working folder changes
	require.NoError(t, err)
	for _, name := range []string{"ddpm", "class", "adm", "scoresde"} {
		dir := filepath.Join(models, "unet2d_"+name)
		g, err := safetensors.Open(filepath.Join(dir, "golden.safetensors"))
		require.NoError(t, err)
		var in []safetensors.Data
		for from, to := range map[string]string{"in.x": "sample", "in.t": "timestep", "in.y": "class_labels"} {
			x, ok := g.Tensor(from)
			if !ok {
				continue
			}
			d := safetensors.Data{Name: to, Shape: x.Shape}
			if x.DType.Float() {
				d.F32, err = g.Float32s(from)
			} else {
				d.I64, err = g.Int64s(from)
			}
			require.NoError(t, err)
			in = append(in, d)
		}
		want, err := g.Float32s("out.sample")
		require.NoError(t, err)
		require.NoError(t, g.Close())
		t.Chdir(t.TempDir())
		require.NoError(t, safetensors.WriteFile("in.safetensors", in, nil))
		good(t, "forward --model "+dir+" --in in.safetensors --out out.safetensors")
		out, err := safetensors.Open("out.safetensors")
		require.NoError(t, err)
		got, err := out.Float32s("sample")
		require.NoError(t, err)
		require.NoError(t, out.Close())
		require.InDeltaSlice(t, want, got, 1e-4, name)
	}
}

func TestCompareTables(t *testing.T) {
	c := comparison{Model: "fashion", Images: 20, Real: realImages{Accuracy: 0.9, Frechet: 30, Diversity: 20}}
	for i := range 3 {
		m := measured{experiment: experiment{Label: "DDIM"}, Sampler: "ddim", Steps: 10 * (i + 1), Guidance: 1.5,
			Evaluations: 20 * (i + 1), Seconds: 0.1}
		m.Quality.Frechet, m.Quality.Accuracy, m.Quality.Diversity = 40-float64(i), 0.9, 19+float64(i)
		c.Samplers, c.Clips, c.Scales = append(c.Samplers, m), append(c.Clips, m), append(c.Scales, m)
	}
	var table, plot bytes.Buffer
	require.NoError(t, writeTables(&table, c))
	require.Contains(t, table.String(), "| DDIM | 20 | 40 | 0.100 | 90.0 % | 39.00 | 20.00 |  |")
	require.NoError(t, plotComparison(&plot, c))
	_, err := png.Decode(&plot)
	require.NoError(t, err)
}

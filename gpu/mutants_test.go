//go:build cuda

package gpu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// mutants are faults planted in the kernels' sources: each must be noticed, by a trap of the emulated
// GPU or by the comparison with the reference. old stands in the file exactly once.
var mutants = []struct {
	name, file, old, new string
	notice               string // part of the error of a trap; "" when the samples differ
}{
	{"swapped weights", "update.cuh", "first(m, w0, c0);", "first(m, w1, c0);", ""},
	{"swapped coefficients", "update.cuh", "sum2(r[kRaw], e.skip, r[kX], e.out, m);",
		"sum2(r[kRaw], e.out, r[kX], e.skip, m);", ""},
	{"off by one", "update.cuh", "for (; block < blocks; block += stride) work.update(block);\n    }\n",
		"for (; block <= blocks; block += stride) work.update(block);\n    }\n", "CUDA error 700"},
	{"missing tail", "update.cuh", "uint32_t blocks = (uint32_t)((elems + 3) / 4), stride",
		"uint32_t blocks = (uint32_t)(elems / 4), stride", ""},
	{"zero times NaN", "update.cuh", "    if (k == 0.0f) return;\n", "", ""},
	{"clip", "update.cuh", "if (v < -c) v = -c;", "if (v < -c) v = c;", ""},
	{"wrong slot", "update.cuh", "push = arena + row.h[e.slot];", "push = arena + row.h[0];", ""},
	{"second draw", "update.cuh", "noise(r[kN + 1], 1, block)",
		"noise(r[kN + 1], 0, block)", ""},
	{"next input", "update.cuh", "__fmul_rn(e.next_in, x[k])", "x[k]", ""},
	{"stage not counted", "state.cuh", "state.stage = stage + 1;", "state.stage = stage;", ""},
	{"blocks that do not arrive", "state.cuh", "atomicInc(&state.arrived, blocks - 1) != blocks - 1",
		"atomicInc(&state.arrived, blocks) != blocks - 1", ""},
	{"timestep of one condition", "state.cuh", "for (uint32_t c = 0; c < conds; ++c) t[c]",
		"for (uint32_t c = 0; c < 1; ++c) t[c]", ""},
	{"fused multiply-add", "normal.cuh", "return __fadd_rn(__fmul_rn(k, a), b);", "return __fmaf_rn(k, a, b);", ""},
	{"uniform that reaches 0", "normal.cuh", "__fadd_rn(__uint2float_rn(a), 0.5f)", "__uint2float_rn(a)", ""},
	{"one round less", "normal.cuh", "for (int round = 0; round < 10; ++round) {\n        uint32_t h0",
		"for (int round = 0; round < 9; ++round) {\n        uint32_t h0", ""},
	{"misaligned vector", "vec.cuh", "float4 v = *reinterpret_cast<const float4*>(p);",
		"float4 v = *reinterpret_cast<const float4*>(p + 1);", "CUDA error 716"},
	{"missing barrier", "scalars.cuh", "half /= 2) {\n        __syncthreads();", "half /= 2) {", "CUDA error 719"},
	{"rank", "scalars.cuh", "rank < below || rank >= below + own", "rank < below || rank > below + own", ""},
	{"wrong mean", "scalars.cuh", "__fsub_rn(guided(i), mean_m)", "__fsub_rn(guided(i), mean_first)", ""},
	{"state in the read-only cache", "update.cuh", "if (threadIdx.x == 0) stage = now.stage;",
		"if (threadIdx.x == 0) stage = __ldg(&now.stage);", "CUDA error 719"},
	{"average of all stages", "average.cuh", "if (kind != kFlagEval) return;", "if (!(kind & kFlagEval)) return;", ""},
	{"average that forgets", "average.cuh", "__fmul_rn(row.momentum, v[k])", "0.0f", ""},
	{"average past the end", "average.cuh", "block < blocks;", "block <= blocks;", "CUDA error 719"},
	{"difference in place of the average", "update.cuh", "add_term(m, weight(c), second);", "add_term(m, weight(c), last);", ""},
	{"length of another difference", "projection.cuh", "flags & kRowMomentum ? u : __fsub_rn(c, u)", "__fsub_rn(c, u)", ""},
	{"noise of the next block", "start.cuh", "else normals4(x, keys, 0, block);",
		"else normals4(x, keys, 0, block + 1);", ""},
}

// TestPlantedFaultsAreNoticed compiles the kernels with each fault in turn.
func TestPlantedFaultsAreNoticed(t *testing.T) {
	counters(t)
	if testing.Short() {
		t.Skip("compiles the kernels many times")
	}
	nvcc := toolchain(t)
	dir := t.TempDir()
	dev, err := cuda.Open(0, cuda.Options{})
	require.NoError(t, err)
	require.Empty(t, plantAndRun(t, dev, nvcc, dir, nil), "without a fault")
	require.NoError(t, dev.Close())
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			dev, err := cuda.Open(0, cuda.Options{})
			require.NoError(t, err)
			defer func() { require.NoError(t, dev.Close()) }()
			notice := plantAndRun(t, dev, nvcc, t.TempDir(), func(file, text string) string {
				if file != m.file {
					return text
				}
				require.Equal(t, 1, strings.Count(text, m.old), "the fault's place in %s", m.file)
				return strings.Replace(text, m.old, m.new, 1)
			})
			require.NotEmpty(t, notice)
			require.Contains(t, notice, m.notice)
		})
	}
}

// toolchain returns the pinned nvcc.
func toolchain(t *testing.T) string {
	out, err := exec.Command("bash", "../build/toolchain.sh").Output()
	require.NoError(t, err)
	return filepath.Join(strings.TrimSpace(string(out)), "bin", "nvcc")
}

// plantAndRun compiles the sources after change and compares runs with the reference. It returns what
// was noticed.
func plantAndRun(t *testing.T, dev *cuda.Device, nvcc, dir string, change func(file, text string) string) string {
	for _, pattern := range []string{"../cuda/*.cu", "../cuda/*.cuh"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			changed := string(text)
			if change != nil {
				changed = change(filepath.Base(f), changed)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(f)), []byte(changed), 0o600))
		}
	}
	ptx := filepath.Join(dir, "kernels.ptx")
	out, err := exec.Command(nvcc, "-ptx", "-arch=compute_75", "-std=c++17", "-fmad=false",
		filepath.Join(dir, "kernels.cu"), "-o", ptx).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(ptx)
	require.NoError(t, err)
	mod, err := dev.LoadModule(cuda.Image{Name: "mutant", PTX: text})
	require.NoError(t, err)
	c := &CUDA{dev: dev, mod: mod, dtype: Float32}
	for _, elems := range []int{1024, 1027} {
		batches := [][]sampler.Request{gputest.Requests(elems)}
		for _, r := range gputest.EpsilonRequests(t, 2) {
			batches = append(batches, []sampler.Request{r})
		}
		for _, reqs := range batches {
			for _, net := range []gputest.Net{gputest.Specials, gputest.Lattice} {
				if notice := compare(c, elems, reqs, net); notice != "" {
					return notice
				}
			}
		}
	}
	return ""
}

// compare runs requests and returns the error, or that a sample differs from the reference's.
func compare(c *CUDA, elems int, reqs []sampler.Request, net gputest.Net) string {
	p, err := c.Program(elems, reqs)
	if err != nil {
		return err.Error()
	}
	defer p.Close()
	host := OnHost(netModel{elems, net})
	for e := p.Next(); e != nil; e = p.Next() {
		if len(e.Active) > 0 {
			err = host.Forward(context.Background(), e)
		}
		if err == nil {
			err = p.Step()
		}
		if err != nil {
			return err.Error()
		}
	}
	for i := range reqs {
		want := gputest.Reference(elems, reqs[i], net, Normals, gputest.Float32)
		x := make([]float32, elems)
		if err := p.Read(i, x); err != nil {
			return err.Error()
		}
		if gputest.Diff(want[len(want)-1].X, x) >= 0 {
			return "differs: " + reqs[i].Plan.Sampler
		}
	}
	return ""
}

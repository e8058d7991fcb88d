package gpu

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"unsafe"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// TestLayoutIsThatOfTheKernels reads the places and constants that the compiler checks in
// cuda/layout.cuh.
func TestLayoutIsThatOfTheKernels(t *testing.T) {
	src, err := os.ReadFile("../cuda/layout.cuh")
	require.NoError(t, err)

	var e deviceEntry
	var r deviceRow
	var n noiseTerm
	var s deviceState
	var c deviceScalars
	sizes := map[string]uintptr{"Entry": unsafe.Sizeof(e), "Row": unsafe.Sizeof(r),
		"Term": unsafe.Sizeof(n), "State": unsafe.Sizeof(s), "Scalars": unsafe.Sizeof(c)}
	places := map[string]uintptr{
		"Entry.x": unsafe.Offsetof(e.x), "Entry.base": unsafe.Offsetof(e.base),
		"Entry.push": unsafe.Offsetof(e.push), "Entry.skip": unsafe.Offsetof(e.skip),
		"Entry.out": unsafe.Offsetof(e.out), "Entry.clip": unsafe.Offsetof(e.clip),
		"Entry.next_in": unsafe.Offsetof(e.nextIn), "Entry.next_t": unsafe.Offsetof(e.nextT),
		"Entry.flags": unsafe.Offsetof(e.flags), "Entry.slot": unsafe.Offsetof(e.slot),
		"Entry.draw": unsafe.Offsetof(e.draw), "Entry.reads": unsafe.Offsetof(e.reads),
		"Entry.bias": unsafe.Offsetof(e.bias), "Entry.gain": unsafe.Offsetof(e.gain),
		"Entry.terms": unsafe.Offsetof(e.terms), "Entry.counts": unsafe.Offsetof(e.counts),
		"Term.draw": unsafe.Offsetof(n.draw), "Term.weight": unsafe.Offsetof(n.weight),
		"Row.variance": unsafe.Offsetof(r.variance), "Row.terms": unsafe.Offsetof(r.terms),
		"Row.seed": unsafe.Offsetof(r.seed), "Row.table": unsafe.Offsetof(r.table),
		"Row.stages": unsafe.Offsetof(r.stages), "Row.first": unsafe.Offsetof(r.first),
		"Row.conds": unsafe.Offsetof(r.conds), "Row.x": unsafe.Offsetof(r.x), "Row.d": unsafe.Offsetof(r.d),
		"Row.base": unsafe.Offsetof(r.base), "Row.h": unsafe.Offsetof(r.h), "Row.known": unsafe.Offsetof(r.known),
		"Row.mask": unsafe.Offsetof(r.mask), "Row.rank": unsafe.Offsetof(r.rank), "Row.lerp": unsafe.Offsetof(r.lerp),
		"Row.rest": unsafe.Offsetof(r.rest), "Row.most": unsafe.Offsetof(r.most), "Row.phi": unsafe.Offsetof(r.phi),
		"Row.keep": unsafe.Offsetof(r.keep), "Row.less": unsafe.Offsetof(r.less), "Row.norm": unsafe.Offsetof(r.norm), "Row.init": unsafe.Offsetof(r.init),
		"Row.first_in": unsafe.Offsetof(r.firstIn), "Row.first_t": unsafe.Offsetof(r.firstT),
		"Row.flags": unsafe.Offsetof(r.flags), "Row.average": unsafe.Offsetof(r.average), "Row.momentum": unsafe.Offsetof(r.momentum),
		"State.stage": unsafe.Offsetof(s.stage), "State.arrived": unsafe.Offsetof(s.arrived),
		"Scalars.limit": unsafe.Offsetof(c.limit), "Scalars.factor": unsafe.Offsetof(c.factor), "Scalars.w": unsafe.Offsetof(c.w),
	}
	constants := map[string]uint64{
		"kRegs": regs, "kSlots": sampler.Slots, "kX": regX, "kBase": regBase, "kD": regD, "kRaw": regRaw,
		"kUnc": regUnc, "kH": regH, "kN": regN, "kFlagEval": flagEval, "kFlagBase": flagBase,
		"kFlagPush": flagPush, "kFlagUnc": flagUnc, "kFlagN0": flagN0, "kFlagN1": flagN1, "kFlagNext": flagNext, "kFlagFirst": flagFirst, "kFlagNone": flagNone, "kFlagLearned": flagLearned, "kFlagRoot": flagRoot,
		"kRowInit": rowInit, "kRowEval": rowEval, "kRowBase": rowBase, "kRowInpaint": rowInpaint,
		"kRowThreshold": rowThreshold, "kRowRescale": rowRescale, "kRowAPG": rowAPG, "kRowZeroStar": rowZeroStar, "kRowTangential": rowTangential, "kRowMomentum": rowMomentum,
	}
	gotSizes, gotPlaces, gotConstants := map[string]uintptr{}, map[string]uintptr{}, map[string]uint64{}
	for _, m := range regexp.MustCompile(`(?m)^SIZE\((\w+), (\d+)\);$`).FindAllSubmatch(src, -1) {
		gotSizes[string(m[1])] = uintptr(number(t, m[2]))
	}
	for _, m := range regexp.MustCompile(`(?m)^AT\((\w+), (\w+), (\d+)\);$`).FindAllSubmatch(src, -1) {
		gotPlaces[string(m[1])+"."+string(m[2])] = uintptr(number(t, m[3]))
	}
	for _, m := range regexp.MustCompile(`(?m)^constexpr \w+ (k\w+) = (\d+);`).FindAllSubmatch(src, -1) {
		gotConstants[string(m[1])] = number(t, m[2])
	}
	require.Equal(t, gotSizes, sizes)
	require.Equal(t, gotPlaces, places)
	require.Equal(t, gotConstants, constants)
}

func number(t *testing.T, b []byte) uint64 {
	n, err := strconv.ParseUint(string(b), 10, 64)
	require.NoError(t, err)
	return n
}

// TestVariantsAreThoseOfTheKernels reads their masks in cuda/kernels.cu.
func TestVariantsAreThoseOfTheKernels(t *testing.T) {
	src, err := os.ReadFile("../cuda/kernels.cu")
	require.NoError(t, err)
	names := map[string]uint32{"kPlain": maskPlain, "kNoise": maskPlain | 1<<regN, "kHistory": maskHistory,
		"kHistoryNoise": maskHistory | 1<<regN, "0": 0, "kPush": 1<<regX | 1<<regD, "1 << kD": 1 << regD}
	found := map[string]variant{}
	steps := regexp.MustCompile(`STEP\((\w+?)([12])_##suffix, type, Variant<(\d), (\w+), ([^>]+)>\)`)
	for _, m := range steps.FindAllStringSubmatch(string(src), -1) {
		require.Equal(t, m[2], m[3], "conditions of %s", m[1])
		require.Contains(t, names, m[4])
		require.Contains(t, names, m[5])
		found[m[1]+m[2]] = variant{m[1], names[m[4]], names[m[5]]}
	}
	want := map[string]variant{}
	for _, v := range variants {
		want[v.name+"1"], want[v.name+"2"] = v, v
	}
	require.Equal(t, want, found)
}

// TestKernelOfABatch asks which kernel a batch gets.
func TestKernelOfABatch(t *testing.T) {
	choose := func(elems int, reqs ...sampler.Request) string {
		b, err := newBatch(elems, reqs)
		require.NoError(t, err)
		return b.kernel()
	}
	named := map[string]sampler.Request{}
	for i, r := range gputest.EpsilonRequests(t, 1) {
		named[sampler.Names()[i]] = r
	}
	for name, want := range map[string]string{
		"ddim": "plain", "euler": "plain", "dpmpp_1": "plain", "ddpm": "noise", "lcm": "noise",
		"euler_ancestral": "noise", "dpmpp_2m": "history", "dpmpp_3m": "history", "dpmsolver3": "history",
		"dpmpp_2m_sde": "history_noise",
	} {
		require.Contains(t, named, name)
		r := named[name]
		r.Conds = gputest.Conds(0, 1)
		require.Equal(t, want+"1", choose(16, r), name)
		r.Conds = gputest.Conds(0, 2)
		require.Equal(t, want+"2", choose(16, r), name)
		require.Equal(t, "general_any", choose(15, r), name)
		r.Conds = gputest.Conds(0, 3)
		require.Equal(t, "general", choose(16, r), name)
	}
	two := func(name string) sampler.Request {
		r := named[name]
		r.Conds = gputest.Conds(0, 2)
		return r
	}
	require.Equal(t, "noise2", choose(16, two("ddim"), two("ddpm")), "the union of both")
	require.Equal(t, "history_noise2", choose(16, two("ddpm"), two("dpmpp_2m")))
	require.Equal(t, "general", choose(16, two("dpmsolver2"), two("ddpm")), "no variant pushes x and has noise")
	require.Equal(t, "general", choose(16, two("heun")), "base")
	zero := two("ddim")
	zero.Conds = []sampler.Weighted{{Weight: 0, Cond: 1}, {Weight: 1, Cond: 2}}
	require.Equal(t, "general", choose(16, zero), "a weight of zero skips its term")
	inpaint := two("ddim")
	inpaint.Inpaint = &sampler.Inpaint{Known: make([]float32, 16), Mask: make([]float32, 16)}
	require.Equal(t, "general", choose(16, inpaint))
}

func TestParts(t *testing.T) {
	for _, c := range []struct{ elems, rows, sms, want int }{
		{1, 1, 108, 1}, {784, 1, 108, 1}, {1025, 1, 108, 2}, {16384, 1, 108, 16}, {16384, 64, 108, 14},
		{1 << 22, 1, 108, 864}, {1 << 22, 1000, 108, 1}, {1 << 30, 1, 100000, maxParts}, {4096, 1 << 20, 1, 1},
	} {
		require.Equal(t, c.want, parts(c.elems, c.rows, c.sms), "%+v", c)
	}
}

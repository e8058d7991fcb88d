package sampler_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// small is a state that uses every part of the binary form, with numbers that tell the places apart.
func small() *sampler.State {
	return &sampler.State{
		Plan: &sampler.Plan{Sampler: "abc", Init: 2, Rescale: 0.5, Threshold: &sampler.Threshold{Quantile: 0.25, Max: 3},
			Stages: []sampler.Stage{
				{At: schedule.Point{T: 4, Alpha: 5, Sigma: 6, In: 7}, Eval: true,
					From: schedule.Scaling{Skip: 8, Out: 9}, Clip: 10, X: sampler.Row{X: 11, D: 12, N: [2]float64{0, 13}},
					Base: &sampler.Row{X: 14}, Push: &sampler.Row{Raw: 15}, Slot: 1, Draws: [2]int{0, 16}, Step: 17},
				{X: sampler.Row{Base: 18, H: [4]float64{0, 19}}, Step: 20, Final: true},
			}},
		Stage: 1, Seed: 21, Weights: []float64{22, -23},
		X: []float32{24, 25}, D: []float32{26, 27}, Base: []float32{28, 29}, H: [4][]float32{1: {30, 31}},
		Inpaint: &sampler.Inpaint{Known: []float32{32, 33}, Mask: []float32{0, 1}},
	}
}

// framed puts a head and a checksum around a body.
func framed(body []byte) []byte {
	b := append([]byte("cuDiffSt"), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body)))
	b = append(b, body...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// written is small's binary form, written down field by field.
func written() []byte {
	var p, b bytes.Buffer
	put := func(w *bytes.Buffer, v ...any) {
		for _, v := range v {
			_ = binary.Write(w, binary.LittleEndian, v) // a bytes.Buffer takes it all
		}
	}
	put(&p, uint32(3), []byte("abc"), 2.0, 0.5, uint32(1), 0.25, 3.0, uint32(2))
	put(&p, uint32(1|4|8), []float64{4, 5, 6, 7, 8, 9, 10})
	put(&p, []float64{11, 0, 12, 0, 0, 0, 0, 0, 0, 0, 13}) // x base d raw unc h0..h3 n0 n1
	put(&p, []float64{14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []float64{0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0})
	put(&p, []int64{1, 0, 16, 17})
	put(&p, uint32(2), make([]float64, 7), []float64{0, 18, 0, 0, 0, 0, 19, 0, 0, 0, 0}, []int64{0, 0, 0, 20})

	put(&b, uint32(p.Len()), p.Bytes(), uint32(1), uint64(21), uint32(2), []float64{22, -23})
	put(&b, uint32(2), uint32(0b11001011), []float32{24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 0, 1})
	return framed(b.Bytes())
}

// TestStateBytes holds the binary form to its description: old files have to stay readable.
func TestStateBytes(t *testing.T) {
	require.Equal(t, written(), marshal(t, small()))
	s := new(sampler.State)
	require.NoError(t, s.UnmarshalBinary(written()))
	require.Equal(t, small(), s)
}

// TestStateKeepsPlans: nothing of any plan is lost, and each has a hash of its own.
func TestStateKeepsPlans(t *testing.T) {
	seen := map[[32]byte]*sampler.Plan{}
	for _, r := range append(gputest.SamplerRequests(t, 3), gputest.Requests(3)...) {
		s := &sampler.State{Plan: r.Plan, Stage: len(r.Plan.Stages), Weights: []float64{1}, X: make([]float32, 3),
			D: make([]float32, 3)}
		back := new(sampler.State)
		require.NoError(t, back.UnmarshalBinary(marshal(t, s)))
		require.Equal(t, s.Plan, back.Plan)
		require.Equal(t, s.Plan, s.Plan.Clone())
		h := s.Plan.Hash()
		require.Equal(t, h, back.Plan.Hash())
		if p := seen[h]; p != nil {
			require.Equal(t, p, r.Plan)
		}
		seen[h] = r.Plan
	}
	require.Greater(t, len(seen), 60)
}

// TestStateSize: a 4x64x64 latent of a multistep sampler is x, d and one history register.
func TestStateSize(t *testing.T) {
	const n = 4 * 64 * 64
	s := &sampler.State{Plan: plan(t, "dpmpp_2m", 20, sampler.Params{}), Stage: 10, Weights: []float64{7.5, -6.5},
		X: make([]float32, n), D: make([]float32, n)}
	s.H[0] = make([]float32, n)
	size := len(marshal(t, s))
	require.Greater(t, size, 3*4*n)
	require.Less(t, size, 3*4*n+20*300+200)
}

// TestDamagedStates: cut short anywhere, any bit changed, something after the end.
func TestDamagedStates(t *testing.T) {
	data := written()
	refused := func(b []byte, field string) {
		t.Helper()
		s := sampler.State{Seed: 5}
		var e *sampler.StateError
		require.ErrorAs(t, s.UnmarshalBinary(b), &e)
		if field != "" {
			require.Equal(t, field, e.Field)
		}
		require.Equal(t, sampler.State{Seed: 5}, s, "it is as it was")
	}
	for n := range data {
		refused(data[:n], map[bool]string{true: "magic", false: "length"}[n < 8])
	}
	for i := range data {
		for bit := range 8 {
			b := bytes.Clone(data)
			b[i] ^= 1 << bit
			field := "checksum"
			switch {
			case i < 8:
				field = "magic"
			case i < 12:
				field = "version"
			case i < 20:
				field = "length"
			}
			refused(b, field)
		}
	}
	refused(append(bytes.Clone(data), 0), "length")
	body := data[20 : len(data)-32]
	for n := range body { // cut short, with a checksum that matches
		refused(framed(body[:n]), "")
	}
	refused(framed(append(bytes.Clone(body), 0)), "length")
}

// TestHostileStates: sizes that are not true, with a checksum that matches, cost no memory.
func TestHostileStates(t *testing.T) {
	data := written()
	body := data[20 : len(data)-32]
	planEnd := 4 + int(binary.LittleEndian.Uint32(body))
	for _, c := range []struct {
		name string
		at   int // of a uint32 of the body
	}{
		{"length of the plan", 0}, {"length of the name", 4}, {"flags of the plan", 4 + 7 + 16},
		{"stages", 4 + 7 + 16 + 4 + 16}, {"stage's flags", 4 + 7 + 16 + 4 + 16 + 4}, {"stage", planEnd},
		{"weights", planEnd + 12}, {"elements", planEnd + 32}, {"registers", planEnd + 36},
	} {
		for _, v := range []uint32{0x7fffffff, 0xffffffff, 0x20000000, 100000} {
			b := bytes.Clone(body)
			binary.LittleEndian.PutUint32(b[c.at:], v)
			b = framed(b)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := new(sampler.State).UnmarshalBinary(b)
			runtime.ReadMemStats(&after)
			var e *sampler.StateError
			require.ErrorAs(t, err, &e, "%s %#x", c.name, v)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<10), "%s %#x", c.name, v)
		}
	}
}

// TestImpossibleStates: numbers that fit in their places and make no state.
func TestImpossibleStates(t *testing.T) {
	data := written()
	body := data[20 : len(data)-32]
	planEnd := 4 + int(binary.LittleEndian.Uint32(body))
	for field, change := range map[string]func(b []byte){
		"registers": func(b []byte) { b[planEnd+36] = 0b01001011 }, // known without mask
		"base":      func(b []byte) { b[planEnd+36] = 0b11001101 }, // h0 in place of base
		"stage":     func(b []byte) { b[planEnd] = 3 },
		"plan":      func(b []byte) { b[4+7+16+4+16+4+4+7*8+3*11*8] = 4 }, // slot 4
	} {
		b := bytes.Clone(body)
		change(b)
		var e *sampler.StateError
		require.ErrorAs(t, new(sampler.State).UnmarshalBinary(framed(b)), &e)
		require.Equal(t, field, e.Field)
	}
}

// FuzzState: bytes, alone and as the body of a state with a checksum that matches, are refused with a typed
// error or give the same bytes again.
func FuzzState(f *testing.F) {
	data := written()
	f.Add(data)
	f.Add(data[20 : len(data)-32])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, b := range [][]byte{data, framed(data)} {
			s := new(sampler.State)
			if err := s.UnmarshalBinary(b); err != nil {
				var e *sampler.StateError
				require.ErrorAs(t, err, &e)
				require.NotEmpty(t, e.Error())
				continue
			}
			require.Equal(t, b, marshal(t, s))
			require.NoError(t, s.Validate())
		}
	})
}

package sampler_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

func withMomentum(m float64) sampler.Option {
	return sampler.WithProjection(&sampler.Projection{Eta: 0.25, Norm: 3, Momentum: m})
}

// TestMomentumCost: a third launch in each guided stage, and a word in the plan's JSON.
func TestMomentumCost(t *testing.T) {
	p, err := tryPlan("ddim", 10, sampler.Params{}, withMomentum(-0.5), sampler.WithInterval(0.2, 0.5))
	require.NoError(t, err)
	require.True(t, p.Averages())
	assert.Equal(t, sampler.Cost{Evaluations: 10, Launches: 10 + 10 + 3}, p.Cost())
	text, err := json.Marshal(p)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"projection":{"kind":"apg","eta":0.25,"norm":3,"momentum":-0.5}`)

	for _, none := range []float64{0, 1e-60} { // the second is 0 as a float32
		p, err = tryPlan("ddim", 10, sampler.Params{}, withMomentum(none))
		require.NoError(t, err)
		require.False(t, p.Averages())
		assert.Equal(t, 20, p.Cost().Launches)
		assert.False(t, p.Live(5).Average)
	}
	text, err = json.Marshal(p)
	require.NoError(t, err)
	assert.Contains(t, string(text), "1e-60", "the JSON says what the plan says")
}

// TestMomentumLive: the average lives from the first guided stage to the last.
func TestMomentumLive(t *testing.T) {
	p, err := tryPlan("ddim", 6, sampler.Params{}, withMomentum(0.5), sampler.WithInterval(0.2, 0.9)) // stages 1 to 4
	require.NoError(t, err)
	p.Stages[2].Guidance = sampler.GuideFirst
	var live []bool
	for stage := range len(p.Stages) + 1 {
		live = append(live, p.Live(stage).Average)
	}
	assert.Equal(t, []bool{false, false, true, true, true, false, false}, live)
}

// remembered is a state with an average, and the binary form of that.
func remembered() (*sampler.State, []byte) {
	s := small()
	s.Plan.Rescale, s.Plan.Threshold = 0, nil
	s.Plan.Projection = &sampler.Projection{Eta: 0.5, Norm: 3, Momentum: -0.75}
	s.Plan.Stages = append(s.Plan.Stages, s.Plan.Stages[0])
	s.Base, s.H[1], s.Stage = nil, nil, 2
	s.Average = []float32{34, 35}
	var p, b bytes.Buffer
	put := func(w *bytes.Buffer, v ...any) {
		for _, v := range v {
			_ = binary.Write(w, binary.LittleEndian, v) // a bytes.Buffer takes it all
		}
	}
	first := func() {
		put(&p, uint32(1|4|8), []float64{4, 5, 6, 7, 8, 9, 10}, []float64{11, 0, 12, 0, 0, 0, 0, 0, 0, 0, 13})
		put(&p, []float64{14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []float64{0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0}, []int64{1, 0, 16, 17})
	}
	put(&p, uint32(3), []byte("abc"), 2.0, 0.0, uint32(2|8), []float64{0, 0.5, 3}, -0.75, uint32(3))
	first()
	put(&p, uint32(2), make([]float64, 7), []float64{0, 18, 0, 0, 0, 0, 19, 0, 0, 0, 0}, []int64{0, 0, 0, 20})
	first()
	put(&b, uint32(p.Len()), p.Bytes(), uint32(2), uint64(21), uint32(2), []float64{22, -23})
	put(&b, uint32(2), uint32(0b111000001), []float32{24, 25, 26, 27, 32, 33, 0, 1, 34, 35}) // x, d, known, mask, average
	return s, framed(b.Bytes())
}

// TestMomentumState: the bytes are those of the description, come back, and are refused where they make no state. States
// without momentum have the bytes that they had before there was any, see TestStateBytes.
func TestMomentumState(t *testing.T) {
	want, data := remembered()
	require.Equal(t, data, marshal(t, want))
	got := new(sampler.State)
	require.NoError(t, got.UnmarshalBinary(data))
	require.Equal(t, want, got)

	body := data[20 : len(data)-32]
	planEnd := 4 + int(binary.LittleEndian.Uint32(body))
	const flags, momentum = 4 + 7 + 16, 4 + 7 + 16 + 4 + 24
	number := func(b []byte, v float64) { binary.LittleEndian.PutUint64(b[momentum:], math.Float64bits(v)) }
	for field, change := range map[string]func(b []byte) []byte{
		"projection": func(b []byte) []byte { number(b, 0); return b },
		"plan":       func(b []byte) []byte { number(b, 1); return b },
		"registers":  func(b []byte) []byte { b[planEnd+37] = 3; return b }, // a bit that no register has
		"average": func(b []byte) []byte { // is not there
			b[planEnd+37] = 0
			return b[:len(b)-8]
		},
	} {
		var e *sampler.StateError
		require.ErrorAs(t, new(sampler.State).UnmarshalBinary(framed(change(bytes.Clone(body)))), &e, field)
		assert.Equal(t, field, e.Field)
	}
	alone := bytes.Clone(body)
	alone[flags] = 8 // momentum without a projection
	require.ErrorContains(t, new(sampler.State).UnmarshalBinary(framed(alone)), "without a projection")
	for n := range body {
		require.Error(t, new(sampler.State).UnmarshalBinary(framed(body[:n])))
	}
	for field, change := range map[string]func(s *sampler.State){
		"average": func(s *sampler.State) { s.Average = nil },
		"plan":    func(s *sampler.State) { s.Plan.Projection.Momentum = 2 },
	} {
		s, _ := remembered()
		change(s)
		var e *sampler.StateError
		require.ErrorAs(t, s.Validate(), &e)
		assert.Equal(t, field, e.Field)
	}
	s := small()
	s.Average = []float32{1, 2}
	require.ErrorContains(t, s.Validate(), "average: 2 values: want 0")
}

package sampler

import "encoding/json"

var registerNames = [Registers]string{
	"x", "base", "d", "raw", "unc", "h0", "h1", "h2", "h3", "n0", "n1"}

// MarshalJSON writes the non-zero coefficients by register name.
func (r Row) MarshalJSON() ([]byte, error) {
	m := map[string]float64{}
	for i, c := range r.Coefficients() {
		if c != 0 {
			m[registerNames[i]] = c
		}
	}
	return json.Marshal(m)
}

type jsonPush struct {
	Slot int  `json:"slot"`
	Row  *Row `json:"row"`
}

type jsonRows struct {
	X    Row       `json:"x"`
	Base *Row      `json:"base,omitempty"`
	Push *jsonPush `json:"push,omitempty"`
}

type jsonThreshold struct {
	Quantile float64 `json:"quantile"`
	Max      float64 `json:"max"`
}

type jsonProjection struct {
	Kind string  `json:"kind"`
	Eta  float64 `json:"eta,omitempty"`
	Norm float64 `json:"norm,omitempty"`

	Momentum float64 `json:"momentum,omitempty"`
}

var guidanceNames = map[Guidance]string{GuideFirst: "first", GuideNone: "none"}

type jsonStage struct {
	Step  int      `json:"step"`
	T     float64  `json:"t"`
	Alpha float64  `json:"alpha"`
	Sigma float64  `json:"sigma"`
	Eval  bool     `json:"eval"`
	Final bool     `json:"final"`
	In    float64  `json:"c_in"`
	Skip  float64  `json:"skip"`
	Out   float64  `json:"out"`
	Clip  float64  `json:"clip,omitempty"`
	Guide string   `json:"guidance,omitempty"`
	Rows  jsonRows `json:"rows"`
	Draws []int    `json:"draws"`

	Learned *jsonLearned `json:"learned,omitempty"`
}

type jsonLearned struct {
	Bias float64 `json:"bias"`
	Gain float64 `json:"gain"`
	Root bool    `json:"root,omitempty"`
}

type jsonTerm struct {
	Draw   uint32  `json:"draw"`
	Weight float64 `json:"weight"`
}

// MarshalJSON writes the table in the form that docs/plan.md describes, for programs in any language.
func (p *Plan) MarshalJSON() ([]byte, error) {
	out := struct {
		Sampler string  `json:"sampler"`
		Init    float64 `json:"init"`
		Evals   int     `json:"evaluations"`

		Threshold  *jsonThreshold  `json:"threshold,omitempty"`
		Rescale    float64         `json:"rescale,omitempty"`
		Projection *jsonProjection `json:"projection,omitempty"`
		Increments [][]jsonTerm    `json:"increments,omitempty"`
		Stages     []jsonStage     `json:"stages"`
	}{p.Sampler, p.Init, p.Evaluations(), (*jsonThreshold)(p.Threshold), p.Rescale, nil, nil,
		make([]jsonStage, len(p.Stages))}
	for _, terms := range p.Increments {
		js := []jsonTerm{}
		for _, t := range terms {
			js = append(js, jsonTerm(t))
		}
		out.Increments = append(out.Increments, js)
	}
	if g := p.Projection; g != nil {
		out.Projection = &jsonProjection{g.Kind.String(), g.Eta, g.Norm, g.Momentum}
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		js := jsonStage{Step: st.Step, T: st.At.T, Alpha: st.At.Alpha, Sigma: st.At.Sigma, Eval: st.Eval,
			Final: st.Final, In: st.At.In, Skip: st.From.Skip, Out: st.From.Out, Clip: st.Clip, Guide: guidanceNames[st.Guidance],
			Rows: jsonRows{X: st.X, Base: st.Base}, Draws: jsonDraws(st.Draws), Learned: (*jsonLearned)(st.Learned)}
		if st.Push != nil {
			js.Rows.Push = &jsonPush{Slot: st.Slot, Row: st.Push}
		}
		out.Stages[i] = js
	}
	return json.Marshal(out)
}

// jsonDraws writes the draws in the places of n0 and n1, 0 for none where another follows: [], [a], [a, b] or [0, b].
func jsonDraws(draws [2]int) []int {
	n := len(draws)
	for n > 0 && draws[n-1] <= 0 {
		n--
	}
	return append([]int{}, draws[:n]...)
}

// RegisterNames returns the names of the registers in the order of [Row.Coefficients].
func RegisterNames() [Registers]string { return registerNames }

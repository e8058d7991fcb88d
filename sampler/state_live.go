package sampler

import "slices"

// Live tells which registers besides x have to be kept between two stages.
type Live struct {
	D    bool        // a stage has evaluated the network: Program.Denoised has something to tell
	Base bool        // a later stage reads it before one writes it
	H    [Slots]bool // likewise, of each slot

	Average bool // a stage has added to the average of the projection's momentum, and one will
}

// Live returns what lives after the first stage stages of a valid plan, 0 to len(p.Stages). It goes
// backwards through the stages to come: what a stage writes was not needed before it, unless it reads it
// too. A coefficient counts when it is not zero as a float32, as on devices.
func (p *Plan) Live(stage int) Live {
	var l Live
	for i := len(p.Stages) - 1; i >= stage; i-- {
		st := &p.Stages[i]
		if st.Base != nil {
			l.Base = false
		}
		if st.Push != nil {
			l.H[st.Slot] = false
		}
		for _, r := range st.rows() {
			l.Base = l.Base || float32(r.Base) != 0
			for k, h := range r.H {
				l.H[k] = l.H[k] || float32(h) != 0
			}
		}
	}
	var before, after bool
	for i := range p.Stages {
		l.D = l.D || i < stage && p.Stages[i].Eval
		before = before || i < stage && p.Stages[i].averages()
		after = after || i >= stage && p.Stages[i].averages()
	}
	l.Average = p.Averages() && before && after
	return l
}

// Clone returns a copy that shares nothing with p.
func (p *Plan) Clone() *Plan {
	c := *p
	c.Stages = slices.Clone(p.Stages)
	for i := range c.Stages {
		st := &c.Stages[i]
		st.Base, st.Push, st.Learned = copied(st.Base), copied(st.Push), copied(st.Learned)
	}
	c.Increments = slices.Clone(p.Increments)
	for i := range c.Increments {
		c.Increments[i] = slices.Clone(c.Increments[i])
	}
	c.Threshold, c.Projection = copied(p.Threshold), copied(p.Projection)
	return &c
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// register is one of the registers of a State that are not always there.
type register struct {
	name string
	v    *[]float32
	in   func(Live) bool
}

// registers are those besides x, in the order of the binary form, but the average.
func (s *State) registers() []register {
	r := []register{
		{"d", &s.D, func(l Live) bool { return l.D }},
		{"base", &s.Base, func(l Live) bool { return l.Base }}}
	for k := range s.H {
		r = append(r, register{registerNames[5+k], &s.H[k], func(l Live) bool { return l.H[k] }})
	}
	return r
}

// average is the register of that name. It comes after known and mask, as it was added to the binary form later.
func (s *State) average() register {
	return register{"average", &s.Average, func(l Live) bool { return l.Average }}
}

package neon

import "fmt"

// V is a vector register, 0 to 31, of which F is the scalar part.
type V int

// F is the register in scalar loads and stores: the lowest bits, or all 128 for a Q instruction.
func (v V) F() string { return fmt.Sprintf("F%d", int(v)) }

// S4 is the register as four words, B16 as bytes.
func (v V) S4() string  { return fmt.Sprintf("V%d.S4", int(v)) }
func (v V) B16() string { return fmt.Sprintf("V%d.B16", int(v)) }

// Move copies a register.
func (f *File) Move(from, to V) {
	if from != to {
		f.Op("VORR %s, %s, %s", from.B16(), from.B16(), to.B16())
	}
}

// Zero clears a register.
func (f *File) Zero(v V) { f.Op("VEOR %s, %s, %s", v.B16(), v.B16(), v.B16()) }

// word writes an encoded instruction with three registers.
func (f *File) word(name string, code uint32, d, n, m V) {
	f.Op("WORD $0x%08x // %s v%d.4s, v%d.4s, v%d.4s", code|uint32(m)<<16|uint32(n)<<5|uint32(d), name, d, n, m)
}

// Add is d = n + m.
func (f *File) Add(d, n, m V) { f.word("fadd", 0x4e20d400, d, n, m) }

// Sub is d = n - m.
func (f *File) Sub(d, n, m V) { f.word("fsub", 0x4ea0d400, d, n, m) }

// Mul is d = n * m.
func (f *File) Mul(d, n, m V) { f.word("fmul", 0x6e20dc00, d, n, m) }

// Min and Max are those of n and m; NaN where one is.
func (f *File) Min(d, n, m V) { f.word("fmin", 0x4ea0f400, d, n, m) }
func (f *File) Max(d, n, m V) { f.word("fmax", 0x4e20f400, d, n, m) }

// Neg is d = -n.
func (f *File) Neg(d, n V) {
	f.Op("WORD $0x%08x // fneg v%d.4s, v%d.4s", 0x6ea0f800|uint32(n)<<5|uint32(d), d, n)
}

// lane writes an encoded instruction whose last operand is one word of a register.
func (f *File) lane(name string, code uint32, d, n, m V, lane int) {
	code |= uint32(lane&1)<<21 | uint32(lane>>1)<<11 // bits L and H
	f.Op("WORD $0x%08x // %s v%d.4s, v%d.4s, v%d.s[%d]",
		code|uint32(m)<<16|uint32(n)<<5|uint32(d), name, d, n, m, lane)
}

// MulLane is d = n * m[lane].
func (f *File) MulLane(d, n, m V, lane int) { f.lane("fmul", 0x4f809000, d, n, m, lane) }

// FMALane is d += n * m[lane], rounded once.
func (f *File) FMALane(d, n, m V, lane int) { f.lane("fmla", 0x4f801000, d, n, m, lane) }

// FMSLane is d -= n * m[lane], rounded once.
func (f *File) FMSLane(d, n, m V, lane int) { f.lane("fmls", 0x4f805000, d, n, m, lane) }

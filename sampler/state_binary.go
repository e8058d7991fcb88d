package sampler

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
)

// The binary form of a state, all little endian:
//
//	"cuDiffSt"       8 bytes
//	version          uint32
//	length           uint64, of all that follows but the checksum
//	plan             uint32 length and the plan, see appendPlan
//	stage            uint32
//	seed             uint64
//	weights          uint32 count and float64s
//	registers        uint32 elements of each, uint32 a bit for each of d, base, h0..h3, known, mask and
//	                 average, then x and those of the bits in this order, float32s
//	checksum         SHA-256 of all before it
//
// The checksum finds damage, not malice: whoever reads checks all that follows from the numbers.
const (
	stateMagic   = "cuDiffSt"
	stateVersion = 1
	stateHead    = len(stateMagic) + 4 + 8
)

var (
	_ encoding.BinaryMarshaler   = (*State)(nil)
	_ encoding.BinaryUnmarshaler = (*State)(nil)
)

// MarshalBinary returns the binary form of s: 4 bytes for each element of each register, and some 150 to
// 350 for each stage of the plan. Its errors are those of [State.Validate].
func (s *State) MarshalBinary() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	plan := appendPlan(nil, s.Plan)
	regs, has := s.present()
	n := stateHead + 4 + len(plan) + 4 + 8 + 4 + 8*len(s.Weights) + 8 + 4*len(regs)*len(s.X) + sha256.Size
	b := make([]byte, 0, n)
	b = append(b, stateMagic...)
	b = binary.LittleEndian.AppendUint32(b, stateVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(n-stateHead-sha256.Size))
	b = appendBytes(b, plan)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Stage))
	b = binary.LittleEndian.AppendUint64(b, s.Seed)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.Weights)))
	b = appendFloats(b, s.Weights...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.X)))
	b = binary.LittleEndian.AppendUint32(b, has)
	for _, v := range regs {
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// Bits of the registers after h3.
const (
	inpaintBits = 3 << (2 + Slots) // of known and mask, which come together
	averageBit  = 1 << (4 + Slots)
)

// present returns x and the other registers that are there, and their bits.
func (s *State) present() (regs [][]float32, has uint32) {
	regs = [][]float32{s.X}
	for i, r := range s.registers() {
		if len(*r.v) > 0 {
			regs, has = append(regs, *r.v), has|1<<i
		}
	}
	if s.Inpaint != nil {
		regs, has = append(regs, s.Inpaint.Known, s.Inpaint.Mask), has|inpaintBits
	}
	if len(s.Average) > 0 {
		regs, has = append(regs, s.Average), has|averageBit
	}
	return regs, has
}

// UnmarshalBinary sets s to what data holds; s does not change if that fails. Errors are of type
// *[StateError]: data that is cut short, damaged, of another version or that is no state. Nothing is allocated
// that is larger than a small multiple of data.
func (s *State) UnmarshalBinary(data []byte) error {
	body, err := stateBody(data)
	if err != nil {
		return err
	}
	r := &reader{b: body}
	v := State{Plan: r.plan()}
	v.Stage, v.Seed = int(r.uint32()), r.uint64()
	v.Weights = make([]float64, r.count("weights", 8))
	for i := range v.Weights {
		v.Weights[i] = r.float()
	}
	r.registers(&v)
	if r.err == nil && len(r.b) > 0 {
		r.fail("length", "%d bytes too many", len(r.b))
	}
	if r.err != nil {
		return r.err
	}
	if err := v.Validate(); err != nil {
		return err
	}
	*s = v
	return nil
}

// stateBody returns what lies between the head and the checksum.
func stateBody(data []byte) ([]byte, error) {
	fail := func(field, format string, a ...any) ([]byte, error) {
		return nil, &StateError{Field: field, Detail: fmt.Sprintf(format, a...)}
	}
	if len(data) < len(stateMagic) || string(data[:len(stateMagic)]) != stateMagic {
		return fail("magic", "%.8q: want %q", data, stateMagic)
	}
	if len(data) < stateHead+sha256.Size {
		return fail("length", "%d bytes: want at least %d", len(data), stateHead+sha256.Size)
	}
	if v := binary.LittleEndian.Uint32(data[len(stateMagic):]); v != stateVersion {
		return fail("version", "%d: want %d", v, stateVersion)
	}
	n := binary.LittleEndian.Uint64(data[len(stateMagic)+4:])
	if have := len(data) - stateHead - sha256.Size; n != uint64(have) {
		return fail("length", "%d bytes: want %d", have, n)
	}
	end := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return fail("checksum", "does not match: the state is damaged")
	}
	return data[stateHead:end], nil
}

func (r *reader) registers(s *State) {
	n := r.uint32()
	regs := s.registers()
	has := r.flags("registers", 2*averageBit-1)
	if both := has & inpaintBits; both != 0 && both != inpaintBits {
		r.fail("registers", "known or mask alone")
	}
	s.X = r.floats("x", n)
	for i, reg := range regs {
		if has>>i&1 != 0 {
			*reg.v = r.floats(reg.name, n)
		}
	}
	if has&inpaintBits != 0 {
		s.Inpaint = &Inpaint{Known: r.floats("inpaint known", n), Mask: r.floats("inpaint mask", n)}
	}
	if has&averageBit != 0 {
		s.Average = r.floats("average", n)
	}
}

package gpu

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg gpu

// levels are those of this processor, the best one last.
var levels = detect()

func detect() []level {
	switch {
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ:
		return []level{generic, avx2, avx512}
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return []level{generic, avx2}
	}
	return []level{generic}
}

const (
	// group is the number of normals of 16 Philox blocks, a turn of the assembly or two.
	group = 64
	// span is how many pass from one routine to the next through the first-level cache.
	span = 16 * group
)

// normalsSIMD is normalsGeneric in assembly.
func normalsSIMD(dst []float32, seed uint64, draw uint32, first uint64) {
	var v [group]float32
	b := first / 4
	if skip := int(first % 4); skip != 0 && len(dst) > 0 {
		groups(v[:], seed, draw, b)
		dst = dst[copy(dst, v[skip:]):]
		b += group / 4
	}
	if whole := len(dst) &^ (group - 1); whole > 0 {
		groups(dst[:whole], seed, draw, b)
		dst = dst[whole:]
		b += uint64(whole / 4)
	}
	if len(dst) > 0 {
		groups(v[:], seed, draw, b)
		copy(dst, v[:])
	}
}

// groups is the noise from element 4b on; len(dst) is a multiple of group. The assembly counts the
// low word of b alone, so a group in which it wraps around is left to the generic twin.
func groups(dst []float32, seed uint64, draw uint32, b uint64) {
	for len(dst) > 0 {
		low := b & (1<<32 - 1)
		n := min(len(dst), int(4*(1<<32-low))&^(group-1))
		if n == 0 {
			n = group
			normalsGeneric(dst[:n], seed, draw, 4*b)
		} else {
			words := newStream(seed, draw, uint32(b>>32))
			if simd == avx512 {
				normalsAVX512(n, &dst[0], &words[0], uint32(low))
			} else {
				spans(dst[:n], &words, uint32(low))
			}
		}
		dst = dst[n:]
		b += uint64(n / 4)
	}
}

// spans is the noise of whole groups in two routines.
func spans(dst []float32, words *stream, block uint32) {
	for len(dst) > 0 {
		part := dst[:min(span, len(dst))]
		philoxAVX2(len(part), &part[0], &words[0], block)
		boxMullerAVX2(len(part), &part[0])
		dst = dst[len(part):]
		block += span / 4
	}
}

// stream is what the counters of one seed, draw and high word share. With ki, kj the keys of a
// round, round 1 gives the words (A, B, hi(M0*c0)^kj, M0*c0), where A and B are such, so that M0*A
// in round 2 is another; the rounds from 4 on have but their keys:
//
//	kj of round 1;  B^ki and hi(M0*A)^kj of round 2;  ki and lo(M0*A)^kj of round 3;  ki, kj, ...
type stream [19]uint32

func newStream(seed uint64, draw, high uint32) (s stream) {
	ki, kj := uint32(seed), uint32(seed>>32)
	next := func() { ki, kj = ki+philoxW0, kj+philoxW1 }
	hi, b := bits.Mul32(philoxM1, draw)
	hiA, loA := bits.Mul32(philoxM0, hi^high^ki)
	s[0] = kj
	next()
	s[1], s[2] = b^ki, hiA^kj
	next()
	s[3], s[4] = ki, loA^kj
	for i := 5; i < len(s); i += 2 {
		next()
		s[i], s[i+1] = ki, kj
	}
	return s
}

package peak

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../loops_amd64.s -stubs ../loops_amd64.go -pkg peak

// Of returns the loops of a level, "avx2" or "avx512".
func Of(level string) (Loops, error) {
	switch x := cpu.X86; {
	case level == "avx512" && x.HasAVX512F && x.HasAVX512VL:
		return Loops{flops: 768, fma: fma5, move: move5}, nil
	case level == "avx2" && x.HasAVX2 && x.HasFMA:
		return Loops{flops: 384, fma: fma2, move: move2}, nil
	}
	return Loops{}, ErrUnsupported
}

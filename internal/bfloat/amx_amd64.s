#include "go_asm.h"
#include "textflag.h"

// Go's assembler has no AMX, so its instructions are bytes here (Intel SDM vol. 2). Tiles 0 to 3 are sums, 4 and 5 of A,
// 6 and 7 of B. CX is the stride of every load and store.

#define baseAX 0
#define baseDX 2
#define baseBX 3
#define baseSI 6
#define baseDI 7

// LDTILECFG (AX)
#define LDTILECFG BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00

// TILERELEASE
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0

// TILELOADD (base)(CX*1), t
#define TILELOADD(t, base) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $((t<<3)|4); BYTE $(8|base)

// TILESTORED t, (base)(CX*1)
#define TILESTORED(t, base) BYTE $0xc4; BYTE $0xe2; BYTE $0x7a; BYTE $0x4b; BYTE $((t<<3)|4); BYTE $(8|base)

// TDPBF16PS b, a, sum
#define TDPBF16PS(b, a, sum) BYTE $0xc4; BYTE $0xe2; BYTE $(((15-b)<<3)|2); BYTE $0x5c; BYTE $(0xc0|(sum<<3)|a)

// TILEZERO t
#define TILEZERO(t) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0|(t<<3))

// START reads the operands: SI and DI are rows of A, BX and DX columns of B, AX the first sums.
#define START \
	LEAQ ·tileConfig(SB), AX \
	LDTILECFG \
	MOVQ p+0(FP), R8 \
	MOVQ amxBlock_blocks(R8), R9 \
	MOVQ amxBlock_a(R8), SI \
	MOVQ amxBlock_b(R8), BX \
	MOVQ SI, DI \
	ADDQ amxBlock_step(R8), DI \
	MOVQ BX, DX \
	ADDQ amxBlock_step(R8), DX \
	MOVQ amxBlock_init(R8), AX \
	MOVQ amxBlock_initStride(R8), CX

// FINISH is ready to store.
#define FINISH \
	MOVQ amxBlock_dst(R8), AX \
	MOVQ amxBlock_dstStride(R8), CX

// BELOW moves AX down a tile of the destination.
#define BELOW \
	MOVQ CX, R10 \
	SHLQ $4, R10 \
	ADDQ R10, AX

// func amx2x2(p *amxBlock)
TEXT ·amx2x2(SB), NOSPLIT, $0-8
	START
	TILELOADD(0, baseAX)
	ADDQ amxBlock_initN(R8), AX
	TILELOADD(1, baseAX)
	ADDQ amxBlock_initM(R8), AX
	TILELOADD(3, baseAX)
	SUBQ amxBlock_initN(R8), AX
	TILELOADD(2, baseAX)
	MOVQ $64, CX

loop:
	TILELOADD(4, baseSI)
	TILELOADD(6, baseBX)
	TDPBF16PS(6, 4, 0)
	TILELOADD(7, baseDX)
	TDPBF16PS(7, 4, 1)
	TILELOADD(5, baseDI)
	TDPBF16PS(6, 5, 2)
	TDPBF16PS(7, 5, 3)
	ADDQ $1024, SI
	ADDQ $1024, DI
	ADDQ $1024, BX
	ADDQ $1024, DX
	DECQ R9
	JNZ  loop
	FINISH
	TILESTORED(0, baseAX)
	ADDQ $64, AX
	TILESTORED(1, baseAX)
	BELOW
	TILESTORED(3, baseAX)
	SUBQ $64, AX
	TILESTORED(2, baseAX)
	TILERELEASE
	RET

// func amx1x2(p *amxBlock)
TEXT ·amx1x2(SB), NOSPLIT, $0-8
	START
	TILELOADD(0, baseAX)
	ADDQ amxBlock_initN(R8), AX
	TILELOADD(1, baseAX)
	MOVQ $64, CX

loop:
	TILELOADD(4, baseSI)
	TILELOADD(6, baseBX)
	TDPBF16PS(6, 4, 0)
	TILELOADD(7, baseDX)
	TDPBF16PS(7, 4, 1)
	ADDQ $1024, SI
	ADDQ $1024, BX
	ADDQ $1024, DX
	DECQ R9
	JNZ  loop
	FINISH
	TILESTORED(0, baseAX)
	ADDQ $64, AX
	TILESTORED(1, baseAX)
	TILERELEASE
	RET

// func amx2x1(p *amxBlock)
TEXT ·amx2x1(SB), NOSPLIT, $0-8
	START
	TILELOADD(0, baseAX)
	ADDQ amxBlock_initM(R8), AX
	TILELOADD(2, baseAX)
	MOVQ $64, CX

loop:
	TILELOADD(4, baseSI)
	TILELOADD(6, baseBX)
	TDPBF16PS(6, 4, 0)
	TILELOADD(5, baseDI)
	TDPBF16PS(6, 5, 2)
	ADDQ $1024, SI
	ADDQ $1024, DI
	ADDQ $1024, BX
	DECQ R9
	JNZ  loop
	FINISH
	TILESTORED(0, baseAX)
	BELOW
	TILESTORED(2, baseAX)
	TILERELEASE
	RET

// func amx1x1(p *amxBlock)
TEXT ·amx1x1(SB), NOSPLIT, $0-8
	START
	TILELOADD(0, baseAX)
	MOVQ $64, CX

loop:
	TILELOADD(4, baseSI)
	TILELOADD(6, baseBX)
	TDPBF16PS(6, 4, 0)
	ADDQ $1024, SI
	ADDQ $1024, BX
	DECQ R9
	JNZ  loop
	FINISH
	TILESTORED(0, baseAX)
	TILERELEASE
	RET

// func amxColumn(p *amxBlock, tiles int, add bool)
//
// AX is the sums of a tile, BX a column of B, SI and DI rows of A that lie step apart. Groups of four, two and one
// of them have sums of their own, which do not wait for one another.
TEXT ·amxColumn(SB), NOSPLIT, $0-17
	LEAQ ·tileConfig(SB), AX
	LDTILECFG
	MOVQ p+0(FP), R8
	MOVQ tiles+8(FP), R12
	MOVBLZX add+16(FP), R13
	MOVQ amxBlock_a(R8), SI
	MOVQ amxBlock_step(R8), R14
	MOVQ amxBlock_dst(R8), AX
	MOVQ $64, CX

four:
	CMPQ R12, $4
	JLT  two
	MOVQ AX, R10
	TESTL R13, R13
	JZ   zero4
	TILELOADD(0, baseAX)
	ADDQ $1024, AX
	TILELOADD(1, baseAX)
	ADDQ $1024, AX
	TILELOADD(2, baseAX)
	ADDQ $1024, AX
	TILELOADD(3, baseAX)
	MOVQ R10, AX
	JMP  start4

zero4:
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)

start4:
	MOVQ SI, R11
	MOVQ amxBlock_b(R8), BX
	MOVQ amxBlock_blocks(R8), R9

loop4:
	TILELOADD(6, baseBX)
	TILELOADD(4, baseSI)
	TDPBF16PS(6, 4, 0)
	LEAQ (SI)(R14*1), DI
	TILELOADD(5, baseDI)
	TDPBF16PS(6, 5, 1)
	LEAQ (SI)(R14*2), DI
	TILELOADD(4, baseDI)
	TDPBF16PS(6, 4, 2)
	ADDQ R14, DI
	TILELOADD(5, baseDI)
	TDPBF16PS(6, 5, 3)
	ADDQ $1024, SI
	ADDQ $1024, BX
	DECQ R9
	JNZ  loop4
	LEAQ (R11)(R14*4), SI
	TILESTORED(0, baseAX)
	ADDQ $1024, AX
	TILESTORED(1, baseAX)
	ADDQ $1024, AX
	TILESTORED(2, baseAX)
	ADDQ $1024, AX
	TILESTORED(3, baseAX)
	ADDQ $1024, AX
	SUBQ $4, R12
	JMP  four

two:
	CMPQ R12, $2
	JLT  one
	TESTL R13, R13
	JZ   zero2
	TILELOADD(0, baseAX)
	ADDQ $1024, AX
	TILELOADD(1, baseAX)
	SUBQ $1024, AX
	JMP  start2

zero2:
	TILEZERO(0)
	TILEZERO(1)

start2:
	MOVQ SI, R11
	MOVQ amxBlock_b(R8), BX
	MOVQ amxBlock_blocks(R8), R9

loop2:
	TILELOADD(6, baseBX)
	TILELOADD(4, baseSI)
	TDPBF16PS(6, 4, 0)
	LEAQ (SI)(R14*1), DI
	TILELOADD(5, baseDI)
	TDPBF16PS(6, 5, 1)
	ADDQ $1024, SI
	ADDQ $1024, BX
	DECQ R9
	JNZ  loop2
	LEAQ (R11)(R14*2), SI
	TILESTORED(0, baseAX)
	ADDQ $1024, AX
	TILESTORED(1, baseAX)
	ADDQ $1024, AX
	SUBQ $2, R12

one:
	TESTQ R12, R12
	JZ   done
	TESTL R13, R13
	JZ   zero1
	TILELOADD(0, baseAX)
	JMP  start1

zero1:
	TILEZERO(0)

start1:
	MOVQ amxBlock_b(R8), BX
	MOVQ amxBlock_blocks(R8), R9

loop1:
	TILELOADD(6, baseBX)
	TILELOADD(4, baseSI)
	TDPBF16PS(6, 4, 0)
	ADDQ $1024, SI
	ADDQ $1024, BX
	DECQ R9
	JNZ  loop1
	TILESTORED(0, baseAX)

done:
	TILERELEASE
	RET

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

package gpu

import "github.com/cudiffuse/cudiffuse/sampler"

// variant is one instance of the kernel fused_step; the names and masks are those of cuda/kernels.cu.
type variant struct {
	name string
	x    uint32 // registers that the row of x may use
	push uint32 // registers that the row of h may use, 0 if no history is written
}

const (
	maskPlain   = 1<<regX | 1<<regD | 1<<regRaw
	maskHistory = 1<<regX | 1<<regD | 3<<regH
)

// variants are the special ones, the cheapest first.
var variants = []variant{
	{"plain", maskPlain, 0},                             // DDIM, Euler, DPM-Solver-1, DPM-Solver++(1)
	{"noise", maskPlain | 1<<regN, 0},                   // DDPM, DDIM with eta, Euler ancestral, LCM
	{"history", maskHistory, 1<<regX | 1<<regD},         // DPM-Solver-2 and -3, DPM-Solver++(2M) and (3M)
	{"history_noise", maskHistory | 1<<regN, 1 << regD}, // SDE-DPM-Solver++(2M)
}

// kernel returns the name of the cheapest fused_step kernel, without its type, that does everything
// the batch asks for, and the bytes it moves per element and network row of dtype size.
func (b *batch) kernel() string {
	if conds := b.special(); conds > 0 {
		for _, v := range variants {
			if b.fits(v) {
				return v.name + string(rune('0'+conds))
			}
		}
	}
	if b.elems%4 == 0 {
		return "general"
	}
	return "general_any"
}

// special returns the number of conditions, 1 or 2, if special variants can be asked for at all: whole
// vectors, the same number of conditions everywhere and nothing that only the general ones have. They
// also take it for granted that the first factors of sums are not zero.
func (b *batch) special() int {
	conds := b.rows[0].conds
	if b.elems%4 != 0 || conds > 2 {
		return 0
	}
	for i := range b.rows {
		if r := &b.rows[i]; r.conds != conds || r.flags&(rowBase|rowInpaint|rowReduces) != 0 {
			return 0
		}
	}
	for _, w := range b.weights {
		if w == 0 {
			return 0
		}
	}
	for i := range b.table {
		if e := &b.table[i]; !e.has(flagEval) || e.has(flagFirst|flagNone|flagLearned|flagRoot) || e.counts != 0 || e.skip == 0 || e.out == 0 {
			return 0
		}
	}
	return int(conds)
}

// fits tells whether v knows all registers that the batch uses.
func (b *batch) fits(v variant) bool {
	for i := range b.table {
		e := &b.table[i]
		if mask(&e.x)&^v.x != 0 || mask(&e.push)&^v.push != 0 || e.has(flagPush) && v.push == 0 {
			return false
		}
	}
	return true
}

// mask has bit j set for each coefficient that is not zero.
func mask(k *[sampler.Registers]float32) (m uint32) {
	for j, c := range k {
		if c != 0 {
			m |= 1 << j
		}
	}
	return m
}

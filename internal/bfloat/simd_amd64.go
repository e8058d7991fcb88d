package bfloat

// productTile adds a row of tiles of A times a column of tiles of B to a tile of c.
func productTile(l level, kb int, a, b []uint16, c []float32, ldc int) {
	switch l {
	case generic:
		productGeneric(kb, a, b, c, ldc)
	case avx2:
		for r := 0; r < side; r += 2 {
			product2x2(kb, &a[r*depth], &b[0], &c[r*ldc], ldc)
		}
	default:
		for r := 0; r < side; r += 8 {
			product5x8(kb, &a[r*depth], &b[0], &c[r*ldc], ldc)
		}
	}
}

// roundSIMD is roundRows. The caller has checked the lengths.
func roundSIMD(dst []uint16, ldd int, src []float32, lds, rows, n int) {
	round5(&dst[0], ldd, &src[0], lds, rows, n)
}

// gathers5 are gather by the number of spans less one.
var gathers5 = [...]func(dst, src *uint16, offsets *int32, pairs int, spans *int){
	gather5x1, gather5x2, gather5x3, gather5x4, gather5x5,
}

// gatherSIMD is gather where there is a form for that many spans. The caller has checked the lengths.
func gatherSIMD(dst, src []uint16, offsets []int32, spans []span) bool {
	if len(spans) > len(gathers5) {
		return false
	}
	gathers5[len(spans)-1](&dst[0], &src[0], &offsets[0], len(offsets)/2, &spans[0].src)
	return true
}

// tileConfig is what LDTILECFG reads: palette 1, eight tiles of 16 rows of 64 bytes.
//
//lint:ignore U1000 the assembly reads it
var tileConfig = func() (c [64]byte) {
	c[0] = 1
	for i := range 8 {
		c[16+2*i], c[48+i] = 64, side
	}
	return c
}()

// amxBlock is the operands of amx1x1 to amx2x2: strides and steps are in bytes.
type amxBlock struct {
	blocks       int
	a, b         *uint16
	step         int // from a row of tiles to the next, and from a column to the next
	init         *float32
	initM, initN int
	initStride   int
	dst          *float32
	dstStride    int
}

//go:noescape
func amx1x1(p *amxBlock)

//go:noescape
func amx1x2(p *amxBlock)

//go:noescape
func amx2x1(p *amxBlock)

//go:noescape
func amx2x2(p *amxBlock)

//go:noescape
func amxColumn(p *amxBlock, tiles int, add bool)

// columnAMX is Column with the tile registers. The caller has checked the lengths.
func columnAMX(tiles, kb int, a []uint16, stride int, b []uint16, c []float32, add bool) {
	p := amxBlock{blocks: kb, a: &a[0], b: &b[0], step: 2 * stride, dst: &c[0]}
	amxColumn(&p, tiles, add)
}

// weaveSIMD is Weave for an even number of rows. The caller has checked the lengths.
func weaveSIMD(dst []uint16, src []float32, pairs int) { weave5(&dst[0], &src[0], pairs) }

// productAMX is product with the tile registers. The caller has checked the lengths.
func productAMX(mt, nt, kb int, a, b []uint16, init sums, dst []float32, ldd int) {
	p := amxBlock{
		blocks: kb, a: &a[0], b: &b[0], step: 2 * kb * tile,
		init: &init.values[0], initM: 4 * init.m, initN: 4 * init.n, initStride: 4 * init.stride,
		dst: &dst[0], dstStride: 4 * ldd,
	}
	switch {
	case mt == 2 && nt == 2:
		amx2x2(&p)
	case mt == 2:
		amx2x1(&p)
	case nt == 2:
		amx1x2(&p)
	default:
		amx1x1(&p)
	}
}

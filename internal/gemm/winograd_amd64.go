package gemm

// winoSpans is how many spans transformSpansAVX512 takes.
const winoSpans = 8

var transforms5 = [winoSpans]func(v *float32, stride, vStep int, src *float32, srcStep int,
	channels int, offsets *int32, spans *int, d *float32){
	transform5x1, transform5x2, transform5x3, transform5x4,
	transform5x5, transform5x6, transform5x7, transform5x8,
}

// transformSpansAVX512 is gatherLanes and transformGeneric in one, for several channels that are
// vStep and size apart.
func (ws *winoSpace) transformSpansAVX512(
	v []float32, stride, vStep, size, channels int, spans []span,
) {
	transforms5[len(spans)-1](&v[0], stride, vStep, &ws.padded[0], size, channels,
		&ws.offsets[0], &spans[0].src, &ws.d[0])
}

// transformSIMD is transformGeneric; t has room for winoTerms groups of lanes.
func transformSIMD(v []float32, stride int, d, t []float32) {
	transform2(&v[0], stride, &d[0], &t[0])
}

// spreadSIMD is spreadGeneric in assembly, for all chunks of a channel.
func (ws *winoSpace) spreadSIMD(l level, padded, src []float32, w int) {
	f := spread2
	if l == avx512 {
		f = spread5
	}
	f(&padded[0], ws.phase, &src[0], w, &ws.chunks[0].to, len(ws.chunks))
}

// outputSIMD is outputGeneric in assembly.
func outputSIMD(y, m []float32, stride int, bias *float32, t []float32) {
	output2(&y[0], &m[0], stride, bias, &t[0])
}

// first is the address of the first of some values, or nil.
func first(v []float32) *float32 {
	if len(v) == 0 {
		return nil
	}
	return &v[0]
}

// outputAVX512 is winoOutput.run in assembly.
func outputAVX512(o *winoOutput, m []float32) {
	output5(&m[0], o.stride, o.ldm, o.rows, first(o.bias), &o.dst[0], o.plane,
		&o.segments[0].from, len(o.segments), &o.t[0], first(o.row), first(o.residual))
}

// The products of few tiles by their number less one.
var thins5 = [thinTiles]func(m, u, v *float32, k int, load bool){
	thin5x1, thin5x2, thin5x3, thin5x4, thin5x5, thin5x6, thin5x7, thin5x8,
}

// thinAVX512 adds the products of k channels to the sums, or begins them without load.
func thinAVX512(tiles int, sums *[winoTerms * thinTiles * thinRows]float32,
	u *[winoTerms * thinChannels * thinRows]float32, v []float32, k int, load bool) {
	thins5[tiles-1](&sums[0], &u[0], &v[0], k, load)
}

// thinTurnAVX512 makes rows of tiles of the sums, stride apart in m for each term.
func thinTurnAVX512(m []float32, stride int, sums *[winoTerms * thinTiles * thinRows]float32, fours int) {
	thinRows5(&m[0], stride, &sums[0], fours)
}

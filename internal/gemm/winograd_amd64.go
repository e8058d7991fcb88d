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

// outputAVX512 is winoOutput.run in assembly.
func outputAVX512(o *winoOutput, m []float32) {
	var bias *float32
	if o.bias != nil {
		bias = &o.bias[0]
	}
	output5(&m[0], o.stride, o.ldm, o.rows, bias, &o.dst[0], o.plane,
		&o.segments[0].from, len(o.segments), &o.t[0])
}

// weightsAVX2 is weightsGeneric in assembly for 4 rows or more.
func weightsAVX2(u []float32, stride int, g []float32, rows, count int, t []float64) {
	weights2(&u[0], stride, &g[0], rows, count, &t[0])
}

// weightsAVX512 is weightsGeneric in assembly for 8 rows or more.
func weightsAVX512(u []float32, stride int, g []float32, rows, count int, t []float64) {
	weights5(&u[0], stride, &g[0], rows, count, &t[0])
}

package gemm

// transformInput is B' d B for a group of lanes of some channels, which are size apart in
// ws.padded: to 36 places of v that are stride apart, vStep further for each channel.
func (ws *winoSpace) transformInput(
	l level, v []float32, stride, vStep, size, channels int, spans []span,
) {
	last := spans[len(spans)-1]
	_ = ws.padded[(channels-1)*size+last.src+last.n-1+ws.maxOffset] // the assembly checks nothing
	if l == avx512 && len(spans) <= winoSpans {
		ws.transformSpansAVX512(v, stride, vStep, size, channels, spans)
		return
	}
	for ic := range channels {
		padded := ws.padded[ic*size:][:size]
		gatherLanes(l, ws.d[:], lanes, padded, ws.offsets[:], ws.maxOffset, spans)
		if l == generic {
			transformGeneric(v[ic*vStep:], stride, ws.d[:])
		} else {
			transformSIMD(v[ic*vStep:], stride, ws.d[:], ws.t[:])
		}
	}
}

// winoOutput is one group of lanes on its way to dst.
type winoOutput struct {
	m        []float32 // sums: terms stride apart, output channels ldm apart
	stride   int
	ldm      int
	rows     int       // output channels
	bias     []float32 // of them, or nil
	dst      []float32 // from the first of them, image 0
	row      []float32 // Fused.Row, the same, or nil
	residual []float32 // Fused.Residual, the same, or nil
	plane    int       // floats of a channel of dst
	segments []segment
	t, y     []float32 // winoTerms and winoOut*winoOut groups of lanes, one after the other
}

// run transforms every output channel and writes its pixels.
func (o *winoOutput) run(l level) {
	m := o.m[:(winoTerms-1)*o.stride+(o.rows-1)*o.ldm+lanes]
	for i := range o.segments { // the assembly checks nothing
		s := &o.segments[i]
		_ = o.dst[s.to : s.to+(o.rows-1)*o.plane+s.n]
		if o.row != nil {
			_ = o.row[s.row : s.row+o.rows]
		}
		if o.residual != nil {
			_ = o.residual[s.to : s.to+(o.rows-1)*o.plane+s.n]
		}
	}
	if l == avx512 {
		outputAVX512(o, m)
		return
	}
	for row := range o.rows {
		var bias *float32
		if o.bias != nil {
			bias = &o.bias[row]
		}
		if l == generic {
			outputGeneric(o.y, m[row*o.ldm:], o.stride, bias)
		} else {
			outputSIMD(o.y, m[row*o.ldm:], o.stride, bias, o.t)
		}
		o.scatter(row)
	}
}

// scatter writes the pixels of one output channel.
func (o *winoOutput) scatter(row int) {
	for _, s := range o.segments {
		y, to := o.y[s.from:][:s.n], row*o.plane+s.to
		if o.row != nil {
			v := o.row[row+s.row]
			for j := range y {
				y[j] += v
			}
		}
		if o.residual != nil {
			for j, v := range o.residual[to:][:s.n] {
				y[j] += v
			}
		}
		copy(o.dst[to:], y)
	}
}

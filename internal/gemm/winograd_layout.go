package gemm

// layout finds the parts of the job that has the given tiles, the place of their padded rows, and
// for each group of lanes where its pixels come from and go to. It clears the padded rows that are
// outside the image; they stay so for all channels.
func (ws *winoSpace) layout(r *convRun, first, tiles int) {
	ws.parts = ws.parts[:0]
	widest := min(r.tw, tiles)
	ws.phase = ceilDiv(widest+1, winoPhase) * winoPhase
	row := winoOut * ws.phase
	ws.maxOffset = (winoIn-1)*row + (winoOut-1)*ws.phase
	for i := range winoIn {
		for j := range winoIn {
			ws.offsets[j*winoIn+i] = int32(i*row + j%winoOut*ws.phase + j/winoOut)
		}
	}
	for col := 0; col < tiles; {
		img, q := (first+col)/(r.th*r.tw), (first+col)%(r.th*r.tw)
		ty, tx := q/r.tw, q%r.tw
		n := min(r.tw-tx, tiles-col)
		y := ty*winoOut - r.conv.shape.PadT // of the part's first row in the image
		y0 := min(max(-y, 0), winoIn)
		ws.parts = append(ws.parts, winoPart{img: img, ty: ty, tx: tx, n: n, col: col,
			at: len(ws.parts) * winoIn * row, y0: y0, y1: max(min(r.h-y, winoIn), y0)})
		col += n
	}
	size := len(ws.parts)*winoIn*row + lanes
	ws.padded = grow(ws.padded, winoChannels*size)
	for ic := range winoChannels {
		for _, p := range ws.parts {
			rows := ws.padded[ic*size+p.at:][:winoIn*row]
			clear(rows[:p.y0*row])
			clear(rows[p.y1*row:])
		}
	}
	ws.group(r, tiles)
}

// group fills the spans and segments of each group of lanes.
func (ws *winoSpace) group(r *convRun, tiles int) {
	count := ceilDiv(tiles, lanes)
	for len(ws.groups) < count {
		if len(ws.groups) < cap(ws.groups) { // its slices are kept
			ws.groups = ws.groups[:len(ws.groups)+1]
		} else {
			ws.groups = append(ws.groups, winoGroup{})
		}
	}
	ws.groups = ws.groups[:count]
	longest := spanMax
	if r.conv.tiling.level == avx512 {
		longest = lanes
	}
	for g := range ws.groups {
		ws.groups[g].spans = ws.groups[g].spans[:0]
		ws.groups[g].segments = ws.groups[g].segments[:0]
	}
	for _, p := range ws.parts {
		for i := 0; i < p.n; {
			g, lane := (p.col+i)/lanes, (p.col+i)%lanes
			n := min(p.n-i, lanes-lane, longest)
			at := &ws.groups[g]
			at.spans = append(at.spans, span{src: p.at + i, col: lane, n: n})
			at.segments = r.segments(at.segments, p, i, n, lane)
			i += n
		}
	}
}

// segments appends those of tiles i to i+n of a part, which lie from a lane of a group on.
func (r *convRun) segments(list []segment, p winoPart, i, n, lane int) []segment {
	x0 := (p.tx + i) * winoOut
	width := min(n*winoOut, r.ow-x0)
	for y := range min(winoOut, r.oh-p.ty*winoOut) {
		to := p.img*r.conv.shape.OutC*r.pixels + (p.ty*winoOut+y)*r.ow + x0
		for x := 0; x < width; x += lanes {
			k := min(lanes, width-x)
			list = append(list, segment{from: (y*lanes+lane)*winoOut + x, to: to + x, mask: 1<<k - 1, n: k})
		}
	}
	return list
}

// transformInputs fills V, channel by channel.
func (ws *winoSpace) transformInputs(r *convRun, cols int) {
	l, k := r.conv.tiling.level, r.conv.wino.k
	at, stride := r.winoV((cols-1)/r.conv.tiling.n*r.conv.tiling.n, cols) // the last block
	ws.v = grow(ws.v, at+winoTerms*stride)
	size := len(ws.padded) / winoChannels
	for k0 := 0; k0 < k; k0 += winoChannels {
		kn := min(winoChannels, k-k0)
		for ic := range kn {
			for i := range ws.parts {
				p := &ws.parts[i]
				src := r.src[(p.img*k+k0+ic)*r.h*r.w:][:r.h*r.w]
				ws.padPart(l, ws.padded[ic*size:][:size], p, src, r.conv.shape, r.w)
			}
		}
		for g := range ws.groups {
			c := g * lanes / r.conv.tiling.n * r.conv.tiling.n
			at, stride := r.winoV(c, cols)
			n := r.winoCols(c, cols)
			for ic := range kn {
				v := ws.v[at+(k0+ic)*n+g*lanes-c:][:(winoTerms-1)*stride+lanes]
				ws.transformInput(l, v, stride, ws.padded[ic*size:][:size], ws.groups[g].spans)
			}
		}
	}
}

// padPart copies the pixels of a part of one channel, src, with the padding at its left and
// right. Column x of the part goes to phase x%4 of its row, place x/4, so that neighbouring tiles
// find the same column of theirs in neighbouring places.
func (ws *winoSpace) padPart(l level, padded []float32, p *winoPart, src []float32, s ConvShape, w int) {
	x := p.tx*winoOut - s.PadL // of column 0 in the image
	y := p.ty*winoOut - s.PadT + p.y0
	row := winoOut * ws.phase
	dst := padded[p.at+p.y0*row:][:(p.y1-p.y0)*row]
	width := p.n*winoOut + 2 // columns
	x0 := min(max(-x, 0), width)
	x1 := max(min(w-x, width), x0) // columns x0 to x1 are in the image
	if p.y0 == p.y1 {
		return
	}
	rows := src[y*w:][:(p.y1-p.y0)*w]
	if l == avx512 && x0 < x1 {
		spreadAVX512(dst, ws.phase, rows, w, p.y1-p.y0, x, x0, x1, ceilDiv(width, 4*winoPhase))
		return
	}
	spreadGeneric(dst, ws.phase, rows, w, x, x0, x1)
}

// spreadGeneric writes whole rows of phases from rows of w pixels.
func spreadGeneric(dst []float32, phase int, src []float32, w, x, x0, x1 int) {
	for ; len(src) > 0; src, dst = src[w:], dst[winoOut*phase:] {
		for j := range winoOut {
			d := dst[j*phase:][:phase]
			for i := range d {
				if c := i*winoOut + j; c >= x0 && c < x1 {
					d[i] = src[x+c]
				} else {
					d[i] = 0
				}
			}
		}
	}
}

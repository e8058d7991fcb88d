package gemm

// layout finds the parts of the job that has the given tiles, the place of their padded rows, and
// for each group of lanes where its pixels come from and go to. It clears the padded rows that are
// outside the image; they stay so for all channels.
func (ws *winoSpace) layout(r *convRun, start, tiles int) {
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
		img, q := (start+col)/(r.th*r.tw), (start+col)%(r.th*r.tw)
		n := min(r.tw-q%r.tw, tiles-col)
		ws.parts = append(ws.parts, r.part(img, q/r.tw, q%r.tw, n))
		p := &ws.parts[len(ws.parts)-1]
		p.col, p.at = col, (len(ws.parts)-1)*winoIn*row
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
	ws.chunks = ws.chunks[:0]
	image, _ := r.planes()
	first := 0
	if r.fused.Up { // the source is ws.up
		image, first = r.h*r.w, ws.parts[0].img
		ws.planUp(r)
	}
	for i := range ws.parts {
		ws.chunks = ws.parts[i].chunks(ws.chunks, first, image, r.w, row)
	}
	ws.group(r, tiles)
}

// part is n tiles from (ty, tx) of an image on.
func (r *convRun) part(img, ty, tx, n int) winoPart {
	s := &r.conv.shape
	p := winoPart{img: img, ty: ty, tx: tx, n: n, y: ty*winoOut - s.PadT, x: tx*winoOut - s.PadL}
	p.y0 = min(max(-p.y, 0), winoIn)
	p.y1 = max(min(r.h-p.y, winoIn), p.y0)
	p.x0 = min(max(-p.x, 0), p.width())
	p.x1 = max(min(r.w-p.x, p.width()), p.x0)
	return p
}

// width is the columns of the part's input.
func (p *winoPart) width() int { return p.n*winoOut + 2 }

// chunks appends the part's, for images of the given floats and width, from the first on.
func (p *winoPart) chunks(list []chunk, first, image, w, row int) []chunk {
	const columns = winoOut * winoPhase
	if p.y0 == p.y1 {
		return list
	}
	for x := 0; x < p.width(); x += columns {
		lo, hi := min(max(p.x0-x, 0), columns), min(max(p.x1-x, 0), columns)
		list = append(list, chunk{
			to: p.at + p.y0*row + x/winoOut, from: (p.img-first)*image + (p.y+p.y0)*w + p.x + x,
			rows: p.y1 - p.y0, mask: 1<<hi - 1<<lo,
		})
	}
	return list
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
			list = append(list, segment{from: (y*lanes+lane)*winoOut + x, to: to + x, mask: 1<<k - 1, n: k,
				row: p.img * r.conv.shape.OutC})
		}
	}
	return list
}

// transformInputs fills input channels c0 to c1 of V.
func (ws *winoSpace) transformInputs(r *convRun, v []float32, cols, c0, c1 int) {
	l := r.conv.tiling.level
	size := len(ws.padded) / winoChannels
	for k0 := c0; k0 < c1; k0 += winoChannels {
		kn := min(winoChannels, c1-k0)
		for ic := range kn {
			ws.padChannel(r, ws.padded[ic*size:][:size], k0+ic)
		}
		if r.thin {
			at, stride := r.thinV(k0)
			to := v[at:][:(winoTerms-1)*stride+(kn-1)*r.thinStep()+lanes]
			ws.transformInput(l, to, stride, r.thinStep(), size, kn, ws.groups[0].spans)
			continue
		}
		for g := range ws.groups {
			c := g * lanes / r.conv.tiling.n * r.conv.tiling.n
			at, stride := r.conv.winoV(c, cols)
			n := r.conv.winoCols(c, cols)
			to := v[at+k0*n+g*lanes-c:][:(winoTerms-1)*stride+(kn-1)*n+lanes]
			ws.transformInput(l, to, stride, n, size, kn, ws.groups[g].spans)
		}
	}
}

// padChannel copies the pixels of the parts of one channel with the padding at their left and
// right. Column x of a part goes to phase x%4 of its row, place x/4, so that neighbouring tiles
// find the same column of theirs in neighbouring places.
func (ws *winoSpace) padChannel(r *convRun, padded []float32, ic int) {
	image, channel := r.planes()
	src, first := r.src[ic*channel:], 0
	if r.fused.Up {
		src, first, image = ws.enlarge(r, ic), ws.parts[0].img, r.h*r.w
	}
	if l := r.conv.tiling.level; l == avx2 || l == avx512 {
		if len(ws.chunks) > 0 {
			ws.spreadSIMD(l, padded, src, r.w)
		}
		return
	}
	row := winoOut * ws.phase
	for i := range ws.parts {
		p := &ws.parts[i]
		plane := src[(p.img-first)*image:][:r.h*r.w]
		for y := p.y0; y < p.y1; y++ {
			ws.spreadGeneric(padded[p.at+y*row:][:row], plane[(p.y+y)*r.w:][:r.w], p)
		}
	}
}

// spreadGeneric writes one row of phases.
func (ws *winoSpace) spreadGeneric(dst, src []float32, p *winoPart) {
	for j := range winoOut {
		d := dst[j*ws.phase:][:ws.phase]
		for i := range d {
			if c := i*winoOut + j; c >= p.x0 && c < p.x1 {
				d[i] = src[p.x+c]
			} else {
				d[i] = 0
			}
		}
	}
}

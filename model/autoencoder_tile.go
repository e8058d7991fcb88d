package model

import "context"

// tiling cuts what a coder takes into square tiles that overlap by a quarter, and says how
// their results are put together: diffusers' AutoencoderKL.enable_tiling, with its
// tile_overlap_factor of 0.25. The zero value does not cut.
type tiling struct {
	side, stride int // of the input: of a tile, and from one tile to the next
	blend, keep  int // of the output: how far a tile fades into the next, and how much of it stays
	num, den     int // output sides are num/den of those of the input
}

// defaultTile is diffusers' tile_sample_min_size where a configuration has no sample_size.
const defaultTile = 512

// WithTiling returns an autoencoder of the same weights that codes in tiles of so many
// pixels a side whatever is larger, as diffusers' AutoencoderKL does after enable_tiling
// (tile_sample_min_size); 0 is the size the autoencoder was made for. Tiles overlap by a
// quarter and fade into each other, so seams do not show, but every tile has a group norm
// and an attention of its own: the result differs from that without tiles.
//
// Beside input and output, memory is that of one tile, whatever the size of the image: its
// intermediate results, its result, and, from the tiles above, a quarter tile's height of
// one row of results. The error is a [*ShapeError]: AutoencoderTiny has no tiles, and
// their sides are multiples of 4 latents, which diffusers needs too for whole images.
func (a *Autoencoder) WithTiling(pixels int) (*Autoencoder, error) {
	if a.config.Tiny {
		return nil, shapeErrorf("tile", "%s is not coded in tiles: want an %s", autoencoderTinyClass, autoencoderKLClass)
	}
	factor := 1 << (len(a.config.BlockChannels) - 1)
	if pixels == 0 {
		if pixels = a.config.SampleHeight; pixels == 0 {
			pixels = defaultTile
		}
	}
	if pixels < 4*factor || pixels > maxSide || pixels%(4*factor) != 0 {
		return nil, shapeErrorf("tile", "%d pixels a side: want a multiple of %d up to %d", pixels, 4*factor, maxSide)
	}
	latents := pixels / factor
	b := *a
	b.encodeTiles = tiling{pixels, pixels - pixels/4, latents / 4, latents - latents/4, 1, factor}
	b.decodeTiles = tiling{latents, latents - latents/4, pixels / 4, pixels - pixels/4, factor, 1}
	return &b, nil
}

// Tile is the side of the tiles in pixels, 0 without tiles.
func (a *Autoencoder) Tile() int { return a.encodeTiles.side }

// cuts tells whether something of a size is coded in tiles.
func (t tiling) cuts(height, width int) bool {
	return t.side > 0 && (height > t.side || width > t.side)
}

// check refuses sizes that do not fit, before anything is allocated for them, and returns
// the output's size.
func (t tiling) check(net *ImageCoder, x []float32, n, height, width int) (Shape, error) {
	s := Shape{C: net.out, H: height * t.num / t.den, W: width * t.num / t.den}
	switch {
	case n < 1 || n > maxSide:
		return s, shapeErrorf("batch", "%d is not within 1..%d", n, maxSide)
	case height < 1 || width < 1 || height > maxSide || width > maxSide:
		return s, shapeErrorf("sample", "%dx%d: want sides within 1..%d", height, width, maxSide)
	case height%t.den != 0 || width%t.den != 0:
		return s, shapeErrorf("sample", "%dx%d in tiles: want multiples of %d", height, width, t.den)
	}
	most := maxArena / 4 / int64(n)
	if int64(net.in)*int64(height) > most/int64(width) || int64(s.C)*int64(s.H) > most/int64(s.W) {
		return s, shapeErrorf("memory", "%d of %dx%d is too large", n, height, width)
	}
	if want := n * net.in * height * width; len(x) != want {
		return s, inputErrorf("sample", "has %d elements, wanted %d", len(x), want)
	}
	return s, nil
}

// runTiles is run for an input of [n, in, height, width] that is cut into tiles.
func (e *sizedExecutor) runTiles(ctx context.Context, c *Codec, net *ImageCoder, t tiling, x []float32,
	n, height, width int) ([]float32, Shape, error) {
	s, err := t.check(net, x, n, height, width)
	if err != nil {
		return nil, s, err
	}
	size := net.in * height * width
	y := make([]float32, n*s.Len())
	for row := range n {
		j := tileJob{tiling: t, net: net, codec: c, in: Shape{C: net.in, H: height, W: width}, out: s,
			x: x[row*size : (row+1)*size], y: y[row*s.Len() : (row+1)*s.Len()]}
		if err := j.run(ctx, e); err != nil {
			return nil, s, err
		}
	}
	return y, s, nil
}

// tileJob codes one image in tiles, left to right and top to bottom.
type tileJob struct {
	tiling
	net     *ImageCoder
	codec   *Codec
	in, out Shape
	x, y    []float32
}

// edge is the last rows or columns of a tile, which the next tile fades from.
type edge struct {
	data []float32
	Shape
}

func (j *tileJob) run(ctx context.Context, e *sizedExecutor) error {
	above := make([]edge, (j.in.W+j.stride-1)/j.stride)
	for top := 0; top < j.in.H; top += j.stride {
		var left edge
		for i := range above {
			tile, s, err := j.code(ctx, e, top, i*j.stride)
			if err != nil {
				return err
			}
			fadeDown(above[i], tile, s, j.blend)
			fadeRight(left, tile, s, j.blend)
			above[i] = cut(tile, s, s.H-min(s.H, j.blend), 0)
			left = cut(tile, s, 0, s.W-min(s.W, j.blend))
			j.put(tile, s, top*j.num/j.den, i*j.stride*j.num/j.den)
		}
	}
	return nil
}

// code runs the network for the tile at a place of the input.
func (j *tileJob) code(ctx context.Context, e *sizedExecutor, top, left int) ([]float32, Shape, error) {
	h, w := min(j.side, j.in.H-top), min(j.side, j.in.W-left)
	x := make([]float32, 0, j.in.C*h*w)
	for c := range j.in.C {
		for y := range h {
			at := (c*j.in.H+top+y)*j.in.W + left
			x = append(x, j.x[at:at+w]...)
		}
	}
	if e.height != h || e.width != w {
		*e = sizedExecutor{on: e.on} // not two at a time
	}
	return e.run(ctx, j.net, j.codec.pool, x, 1, h, w)
}

// put copies what stays of a tile to its place in the output.
func (j *tileJob) put(tile []float32, s Shape, top, left int) {
	h, w := min(j.keep, s.H), min(j.keep, s.W)
	for c := range s.C {
		for y := range h {
			copy(j.y[(c*j.out.H+top+y)*j.out.W+left:][:w], tile[(c*s.H+y)*s.W:])
		}
	}
}

// cut copies a tile from a row and a column on.
func cut(tile []float32, s Shape, top, left int) edge {
	out := edge{Shape: Shape{C: s.C, H: s.H - top, W: s.W - left}}
	out.data = make([]float32, 0, out.Len())
	for c := range s.C {
		for y := top; y < s.H; y++ {
			out.data = append(out.data, tile[(c*s.H+y)*s.W+left:(c*s.H+y+1)*s.W]...)
		}
	}
	return out
}

// fadeDown is blend_v of diffusers, for the tile b below a, which is empty at the top:
//
//	b[y] = a[len-extent+y]*(1 - y/extent) + b[y]*(y/extent)
func fadeDown(a edge, b []float32, s Shape, extent int) {
	extent = min(a.H, s.H, extent)
	for c := range s.C {
		for y := range extent {
			of := float64(y) / float64(extent)
			above := a.data[(c*a.H+a.H-extent+y)*a.W:]
			row := b[(c*s.H+y)*s.W:][:s.W]
			for x, v := range row {
				row[x] = mix(above[x], v, of)
			}
		}
	}
}

// fadeRight is blend_h, the same for the tile b to the right of a.
func fadeRight(a edge, b []float32, s Shape, extent int) {
	extent = min(a.W, s.W, extent)
	for r := range s.C * s.H {
		for x := range extent {
			v := &b[r*s.W+x]
			*v = mix(a.data[r*a.W+a.W-extent+x], *v, float64(x)/float64(extent))
		}
	}
}

func mix(a, b float32, of float64) float32 { return float32(a*float32(1-of)) + float32(b*float32(of)) }

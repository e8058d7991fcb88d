package gemm

import "github.com/cudiffuse/cudiffuse/internal/fma"

// naiveWinograd is the numeric contract of F(4x4, 3x3) as plain loops, one tile at a time.
func naiveWinograd(s ConvShape, weights, bias, src []float32, n, h, w, oh, ow int) []float32 {
	out := make([]float32, n*s.OutC*oh*ow)
	pixel := func(img, ic, y, x int) float32 {
		if y < 0 || y >= h || x < 0 || x >= w {
			return 0
		}
		return src[((img*s.InC+ic)*h+y)*w+x]
	}
	u := make([][36]float32, s.OutC*s.InC)
	for i := range u {
		u[i] = winoWeights((*[9]float32)(weights[i*9:]))
	}
	v := make([][6][6]float32, s.InC)
	for img := range n {
		for y := 0; y < oh; y += 4 {
			for x := 0; x < ow; x += 4 {
				for ic := range v {
					var d [6][6]float32
					for i := range d {
						for j := range d[i] {
							d[i][j] = pixel(img, ic, y+i-s.PadT, x+j-s.PadL)
						}
					}
					v[ic] = turn(inputMatrix(turn(inputMatrix(d))))
				}
				for oc := range s.OutC {
					var m [6][6]float32
					for ic := range v {
						for i := range 36 {
							sum := &m[i/6][i%6]
							*sum = fma.Soft(u[oc*s.InC+ic][i], v[ic][i/6][i%6], *sum)
						}
					}
					z := outputMatrix(m)
					z = outputMatrix(turn(z))
					for i := range 4 {
						for j := range 4 {
							if y+i >= oh || x+j >= ow {
								continue
							}
							p := z[j][i]
							if bias != nil {
								p += bias[oc]
							}
							out[((img*s.OutC+oc)*oh+y+i)*ow+x+j] = p
						}
					}
				}
			}
		}
	}
	return out
}

// turn transposes.
func turn(a [6][6]float32) (b [6][6]float32) {
	for i := range a {
		for j := range a {
			b[j][i] = a[i][j]
		}
	}
	return b
}

// inputMatrix is B' d, the points being 11/16 and 11/8.
func inputMatrix(d [6][6]float32) (v [6][6]float32) {
	const a, b, a2, b2 = 0.6875, 1.375, 0.47265625, 1.890625
	const sum, product = 2.36328125, 0.89361572265625
	for j := range 6 {
		v[0][j] = fma.Soft(product, d[0][j], fma.Soft(-sum, d[2][j], d[4][j]))
		even, odd := fma.Soft(-b2, d[2][j], d[4][j]), fma.Soft(-b2, d[1][j], d[3][j])
		v[1][j], v[2][j] = fma.Soft(a, odd, even), fma.Soft(-a, odd, even)
		even, odd = fma.Soft(-a2, d[2][j], d[4][j]), fma.Soft(-a2, d[1][j], d[3][j])
		v[3][j], v[4][j] = fma.Soft(b, odd, even), fma.Soft(-b, odd, even)
		v[5][j] = fma.Soft(product, d[1][j], fma.Soft(-sum, d[3][j], d[5][j]))
	}
	return v
}

// outputMatrix is A' m; two rows of the result are unused.
func outputMatrix(m [6][6]float32) (y [6][6]float32) {
	const a, b, a2, b2, a3, b3 = 0.6875, 1.375, 0.47265625, 1.890625, 0.324951171875, 2.599609375
	for j := range 6 {
		s, d := m[1][j]+m[2][j], m[1][j]-m[2][j]
		t, e := m[3][j]+m[4][j], m[3][j]-m[4][j]
		y[0][j] = m[0][j] + s + t
		y[1][j] = fma.Soft(b, e, float32(a*d))
		y[2][j] = fma.Soft(b2, t, float32(a2*s))
		y[3][j] = fma.Soft(b3, e, fma.Soft(a3, d, m[5][j]))
	}
	return y
}

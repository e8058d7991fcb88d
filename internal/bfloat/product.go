package bfloat

const (
	side  = 16           // rows and columns of a tile of sums
	depth = 32           // products of a block
	tile  = side * depth // values of a tile of A or B
)

// lanes is the depth in tiles of sums of k products.
func blocks(k int) int { return (k + depth - 1) / depth }

// sums is what product starts from: tile (i, j) is at i*m + j*n, its rows stride apart.
type sums struct {
	values       []float32
	m, n, stride int
}

// product writes mt x nt tiles, each 1 or 2, of init + A*B to dst, whose rows are ldd apart: A has mt rows of kb
// tiles, B nt columns of kb tiles.
func product(l level, mt, nt, kb int, a, b []uint16, init sums, dst []float32, ldd int) {
	// The assembly checks nothing.
	a, b = a[:mt*kb*tile], b[:nt*kb*tile]
	dst = dst[:(mt*side-1)*ldd+nt*side]
	init.values = init.values[:(mt-1)*init.m+(nt-1)*init.n+(side-1)*init.stride+side]
	if l == amx {
		productAMX(mt, nt, kb, a, b, init, dst, ldd)
		return
	}
	for i := range mt {
		for j := range nt {
			d := dst[i*side*ldd+j*side:]
			for r := range side {
				copy(d[r*ldd:][:side], init.values[i*init.m+j*init.n+r*init.stride:])
			}
			productTile(l, kb, a[i*kb*tile:], b[j*kb*tile:], d, ldd)
		}
	}
}

// productGeneric adds a row of tiles of A times a column of tiles of B to a tile of c.
func productGeneric(kb int, a, b []uint16, c []float32, ldc int) {
	for block := range kb {
		a, b := a[block*tile:][:tile], b[block*tile:][:tile]
		for r := range side {
			c := c[r*ldc:][:side]
			var even, odd [side]float32
			for k := range side {
				x, y := widen(a[r*depth+2*k]), widen(a[r*depth+2*k+1])
				for j := range c {
					w := b[(k*side+j)*2:]
					even[j] = flush(even[j] + float32(x*widen(w[0])))
					odd[j] = flush(odd[j] + float32(y*widen(w[1])))
				}
			}
			for j := range c {
				c[j] = flush(flush(c[j]) + flush(even[j]+odd[j]))
			}
		}
	}
}

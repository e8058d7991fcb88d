package gemm

// panels is a row-major M x K matrix packed for the micro-kernel: for each K block, for each
// panel of rows, the panel's elements k-major. Panel heights differ by one at most.
type panels struct {
	m, k   int
	kBlock int   // length of each K block but the last
	rows   []int // first row of each panel, then m
	data   []float32
}

// newPanels returns the layout of an m x k matrix in panels of up to tileM rows and K blocks of
// about kMax, its data not set.
func newPanels(m, k, tileM, kMax int) panels {
	count := ceilDiv(m, tileM)
	p := panels{m: m, k: k, kBlock: ceilDiv(k, ceilDiv(k, kMax)), rows: make([]int, count+1)}
	for i := range p.rows {
		p.rows[i] = panelRow(i, count, m)
	}
	return p
}

// panelRow returns the first row of panel i of count panels that share m rows evenly.
func panelRow(i, count, m int) int { return i * m / count }

// pack copies a, row-major m x k, into p.data.
func (p *panels) pack(l level, a []float32) {
	for k0 := 0; k0 < p.k; k0 += p.kBlock {
		kn := min(p.kBlock, p.k-k0)
		for i := range len(p.rows) - 1 {
			r0, r1 := p.rows[i], p.rows[i+1]
			packRows(l, p.panel(i, k0, kn), a[r0*p.k+k0:], r1-r0, kn, p.k)
		}
	}
}

// panel returns the elements of panel i for the K block [k0, k0+kn).
func (p *panels) panel(i, k0, kn int) []float32 {
	r0, r1 := p.rows[i], p.rows[i+1]
	at := k0*p.m + r0*kn
	return p.data[at : at+(r1-r0)*kn]
}

// packRows transposes rows x kn elements of a, its rows lda apart, into dst[k*rows+r].
func packRows(l level, dst, a []float32, rows, kn, lda int) {
	dst, a = dst[:rows*kn], a[:(rows-1)*lda+kn] // the assembly checks nothing
	done := 0
	switch {
	case l == avx512:
		pack5(&dst[0], &a[0], rows, kn, lda)
		return
	case l == avx2 && kn >= 2*pack2Block:
		done = (kn/pack2Block - 1) * pack2Block
		pack2(&dst[0], &a[0], rows, done/pack2Block, lda)
	}
	for r := range rows {
		for k, v := range a[r*lda:][done:kn] {
			dst[(done+k)*rows+r] = v
		}
	}
}

// pack2Block is how many values of a row pack2 takes at once. It leaves as many behind.
const pack2Block = 8

// unpack is the reverse of pack.
func (p *panels) unpack(a []float32) {
	for k0 := 0; k0 < p.k; k0 += p.kBlock {
		kn := min(p.kBlock, p.k-k0)
		for i := range len(p.rows) - 1 {
			r0, rows := p.rows[i], p.rows[i+1]-p.rows[i]
			for j, v := range p.panel(i, k0, kn) {
				a[(r0+j%rows)*p.k+k0+j/rows] = v
			}
		}
	}
}

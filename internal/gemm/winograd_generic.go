package gemm

import "github.com/cudiffuse/cudiffuse/internal/fma"

// Powers of the points, and what the matrices need of them; float32 holds all exactly.
const (
	winoA2  = winoA * winoA
	winoB2  = winoB * winoB
	winoA3  = winoA2 * winoA
	winoB3  = winoB2 * winoB
	winoMul = winoA2 * winoB2
	winoSum = winoA2 + winoB2
)

// winoIn1 is B' d for one column or row:
//
//	a²b² -      0  -a²-b²   0     1  0
//	0    -ab²   -b²     a     1  0
//	0     ab²   -b²    -a     1  0
//	0    -a²b   -a²     b     1  0
//	0     a²b   -a²    -b     1  0
//	0     a²b²   0     -a²-b² 0  1
func winoIn1(d *[winoIn]float32) [winoIn]float32 {
	p, q := fma.Float32(-winoB2, d[2], d[4]), fma.Float32(-winoB2, d[1], d[3])
	r, s := fma.Float32(-winoA2, d[2], d[4]), fma.Float32(-winoA2, d[1], d[3])
	return [winoIn]float32{
		fma.Float32(winoMul, d[0], fma.Float32(-winoSum, d[2], d[4])),
		fma.Float32(winoA, q, p), fma.Float32(-winoA, q, p),
		fma.Float32(winoB, s, r), fma.Float32(-winoB, s, r),
		fma.Float32(winoMul, d[1], fma.Float32(-winoSum, d[3], d[5])),
	}
}

// winoOut1 is A' m for one column or row:
//
//	1  1   1   1   1   0
//	0  a  -a   b  -b   0
//	0  a²  a²  b²  b²  0
//	0  a³ -a³  b³ -b³  1
func winoOut1(m *[winoIn]float32) [winoOut]float32 {
	s, d := m[1]+m[2], m[1]-m[2]
	t, e := m[3]+m[4], m[3]-m[4]
	return [winoOut]float32{
		m[0] + s + t,
		fma.Float32(winoB, e, float32(winoA*d)),
		fma.Float32(winoB2, t, float32(winoA2*s)),
		fma.Float32(winoB3, e, fma.Float32(winoA3, d, m[5])),
	}
}

// transformGeneric is B' d B for a group of lanes: d has term j*6+i for row i and column j of the
// tiles, v has it at i*6+j, stride apart.
func transformGeneric(v []float32, stride int, d []float32) {
	var x [winoIn]float32
	var t [winoTerms]float32
	for lane := range lanes {
		for j := range winoIn { // down the columns
			for i := range x {
				x[i] = d[(j*winoIn+i)*lanes+lane]
			}
			for i, y := range winoIn1(&x) {
				t[i*winoIn+j] = y
			}
		}
		for i := range winoIn { // along the rows
			for j, y := range winoIn1((*[winoIn]float32)(t[i*winoIn:])) {
				v[(i*winoIn+j)*stride+lane] = y
			}
		}
	}
}

// outputGeneric is A' m A plus bias for a group of lanes: m has its terms stride apart, y
// the four rows of all tiles. bias may be nil.
func outputGeneric(y []float32, m []float32, stride int, bias *float32) {
	var x [winoIn]float32
	var t [winoOut * winoIn]float32
	for lane := range lanes {
		for j := range winoIn {
			for i := range x {
				x[i] = m[(i*winoIn+j)*stride+lane]
			}
			for i, v := range winoOut1(&x) {
				t[i*winoIn+j] = v
			}
		}
		for i := range winoOut {
			for j, v := range winoOut1((*[winoIn]float32)(t[i*winoIn:])) {
				if bias != nil {
					v += *bias
				}
				y[(i*lanes+lane)*winoOut+j] = v
			}
		}
	}
}

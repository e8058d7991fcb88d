package schedule

import "fmt"

// unused refuses values that the curve would ignore.
func (g Grid) unused() error {
	exponent, low, high := false, true, true // the values that the curve has
	switch g.Curve {
	case KarrasCurve, PolyexponentialCurve:
		exponent = true
	case UniformCurve, SGMUniformCurve, SimpleCurve, DDIMUniformCurve, BetaTimestepsCurve, AYSCurve, AYSXLCurve, AYSVideoCurve:
		low, high = false, false
	case GITSCurve:
		exponent, low, high = true, false, false
	case LinearQuadraticCurve:
		low = false
	}
	for _, v := range []struct {
		field string
		value float64
		used  bool
	}{{"rho", g.Rho, exponent}, {"sigma min", g.SigmaMin, low}, {"sigma max", g.SigmaMax, high}} {
		if v.value != 0 && !v.used {
			return &Error{Field: v.field, Value: v.value,
				Want: fmt.Sprintf("none: schedule type %v has its own", g.Curve)}
		}
	}
	return nil
}

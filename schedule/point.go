package schedule

import (
	"fmt"
	"math"
)

// Point is one noise level on a grid: x = Alpha*x0 + Sigma*epsilon.
type Point struct {
	T     float64 // the timestep that the network is fed
	Alpha float64 // factor of the clean sample
	Sigma float64 // factor of the noise, 0 at the clean end
	In    float64 // c_in, factor of x before the network: 1/sqrt(Alpha^2+Sigma^2), 1 when variance preserving
}

// VP returns the variance-preserving point of noise level s = sigma/alpha.
func VP(t, s float64) Point {
	a := 1 / math.Sqrt(1+s*s)
	return Point{T: t, Alpha: a, Sigma: s * a, In: 1}
}

// VE returns the variance-exploding point of noise level s (k-diffusion's scale).
func VE(t, s float64) Point {
	return Point{T: t, Alpha: 1, Sigma: s, In: 1 / math.Sqrt(1+s*s)}
}

// Flow returns the rectified-flow point x = (1-s)*x0 + s*epsilon (Liu et al. 2022, arXiv:2209.03003).
func Flow(t, s float64) Point { return Point{T: t, Alpha: 1 - s, Sigma: s, In: 1} }

// Lambda returns ln(Alpha/Sigma), the half-log-SNR; +Inf at the clean end.
func (p Point) Lambda() float64 { return math.Log(p.Alpha) - math.Log(p.Sigma) }

// Kind says what a network predicts. Samplers never see it: they get the clean sample that [Kind.Scaling]
// makes of the prediction.
type Kind int

// The prediction kinds. The zero value is Epsilon.
const (
	Epsilon  Kind = iota // the noise (Ho et al. 2020)
	V                    // v = alpha*epsilon - sigma*x0 (Salimans and Ho 2022, arXiv:2202.00512)
	X0                   // the clean sample itself
	Velocity             // epsilon - x0, on a [Flow] grid
)

var kindNames = [...]string{"epsilon", "v_prediction", "sample", "flow_prediction"}

// String returns the name that diffusers uses: epsilon, v_prediction, sample or flow_prediction.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// ParseKind accepts diffusers' names and the short ones (eps, v, x0, flow).
func ParseKind(s string) (Kind, error) {
	switch s {
	case "epsilon", "eps":
		return Epsilon, nil
	case "v_prediction", "v":
		return V, nil
	case "sample", "x0":
		return X0, nil
	case "flow_prediction", "flow":
		return Velocity, nil
	}
	return 0, &Error{Field: "prediction type", Value: fmt.Sprintf("%.40q", s),
		Want: "epsilon, v_prediction, sample or flow_prediction"}
}

// Check returns an error that wraps [ErrZeroSNR] when a network of kind k cannot be sampled along n: epsilon
// prediction with zero terminal SNR, also where a floor keeps the division finite.
func (k Kind) Check(n *Noise) error {
	if k == Epsilon && n.ZeroTerminal() {
		return zeroSNR()
	}
	return nil
}

func zeroSNR() error {
	return &Error{Field: "prediction type", Value: "epsilon", Err: ErrZeroSNR,
		Want: "v_prediction or sample with zero terminal SNR"}
}

// Scaling turns the network's output into the predicted clean sample: raw = Skip*x + Out*output.
type Scaling struct{ Skip, Out float64 }

// Scaling returns the coefficients of k at p, with c = p.In:
//
//	epsilon   (x - sigma*out)/alpha
//	v         alpha*c^2*x - sigma*c*out
//	x0        out
//	velocity  x - sigma*out
//
// For epsilon at a point without signal (alpha 0) it returns an error that wraps [ErrZeroSNR].
func (k Kind) Scaling(p Point) (Scaling, error) {
	switch k {
	case Epsilon:
		if p.Alpha == 0 {
			return Scaling{}, zeroSNR()
		}
		return Scaling{Skip: 1 / p.Alpha, Out: -p.Sigma / p.Alpha}, nil
	case V:
		return Scaling{Skip: p.Alpha * p.In * p.In, Out: -p.Sigma * p.In}, nil
	case X0:
		return Scaling{Out: 1}, nil
	case Velocity:
		return Scaling{Skip: 1, Out: -p.Sigma}, nil
	}
	return Scaling{}, &Error{Field: "prediction type", Value: int(k), Want: "Epsilon, V, X0 or Velocity"}
}

package model

import (
	"math"
	"math/rand/v2"
)

// ParseNetwork is the network that the config.json of a UNet2DModel or a
// UNet2DConditionModel describes, without weights ([Network.Weights] is nil): enough to
// count what it costs and to make plans for it. file names the config in errors, which
// are [*ConfigError].
func ParseNetwork(file string, config []byte) (Network, error) {
	return ofClass(file, config, func(*Graph) (*Weights, error) { return nil, nil })
}

// RandomNetwork is a network of the form that a config.json describes, with random
// weights: to measure what a network of that size costs.
func RandomNetwork(file string, config []byte, seed uint64) (Network, error) {
	return ofClass(file, config, drawWeights(seed))
}

// drawWeights draws weights whose layers keep the size of their operands.
func drawWeights(seed uint64) loader {
	return func(g *Graph) (*Weights, error) {
		r := rand.New(rand.NewPCG(seed, 0))
		data := make([][]float32, len(g.Params))
		for i, p := range g.Params {
			v := make([]float32, p.Len())
			scale := float32(1 / math.Sqrt(float64(max(1, p.Len()/p.Shape[0]))))
			for j := range v {
				if len(p.Shape) == 1 {
					v[j] = 1 // factors of norms; a bias of 1 does no harm
					continue
				}
				v[j] = scale * (2*r.Float32() - 1) * 1.7320508 // uniform, of deviation 1
			}
			data[i] = v
		}
		return ownWeights(g, data)
	}
}

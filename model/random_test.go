package model

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomWeights fills a graph with small random numbers, so that structure, memory
// and speed can be tested without a file.
func randomWeights(g *Graph) (*Weights, error) {
	rng := rand.New(rand.NewPCG(7, 11))
	data := make([][]float32, len(g.Params))
	for i, p := range g.Params {
		data[i] = make([]float32, p.Len())
		for j := range data[i] {
			data[i][j] = 0.05 * float32(rng.NormFloat64())
		}
	}
	return NewWeights(g, data)
}

// randomUNet builds the network of a config.json with random weights.
func randomUNet(t testing.TB, file string) *UNet2D {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	u, err := newUNet2D(file, data, randomWeights)
	require.NoError(t, err)
	return u
}

// randomInputs are n rows for u.
func randomInputs(u *UNet2D, n int) Inputs {
	rng := rand.New(rand.NewPCG(3, 5))
	in := Inputs{Sample: make([]float32, n*u.Channels()*u.Height()*u.Width()), Timestep: make([]float32, n)}
	for i := range in.Sample {
		in.Sample[i] = float32(rng.NormFloat64())
	}
	for i := range in.Timestep {
		in.Timestep[i] = float32(rng.IntN(1000))
		switch u.Config().ClassEmbedding {
		case ClassTable:
			in.Class = append(in.Class, int64(rng.IntN(u.Classes())))
		case ClassTimestep:
			in.Class = append(in.Class, int64(1+rng.IntN(20)))
		case ClassIdentity:
			for range u.Config().TimeEmbeddingDim {
				in.ClassEmbedding = append(in.ClassEmbedding, float32(rng.NormFloat64()))
			}
		}
	}
	return in
}

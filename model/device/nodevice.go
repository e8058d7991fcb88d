//go:build !cuda

package device

import (
	"context"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Network is a network on a GPU. Without the tag cuda there is none.
type Network struct{ *Sized }

// Sized is a Network for samples of one size.
type Sized struct{}

var (
	_ sampler.VarianceModel = (*Sized)(nil)
	_ sampler.Binder        = (*Sized)(nil)
)

// Load returns [cuda.ErrNotBuilt].
func Load(context.Context, *gpu.CUDA, model.Network, Options) (*Network, error) {
	return nil, cuda.ErrNotBuilt
}

// At returns the network for samples of another size.
func (*Network) At(int, int) *Sized { return nil }

// Perturbed returns [cuda.ErrNotBuilt].
func (*Sized) Perturbed(model.Perturbation) (*Sized, error) { return nil, cuda.ErrNotBuilt }

// Shape implements [sampler.Model].
func (*Sized) Shape() []int { return nil }

// PredictsVariance implements [sampler.VarianceModel].
func (*Sized) PredictsVariance() bool { return false }

// RunBytes is the memory of a run.
func (*Network) RunBytes() int64 { return 0 }

// PlanStats say where the plans came from.
func (*Network) PlanStats() PlanStats { return PlanStats{} }

// Bind implements [sampler.Binder].
func (*Sized) Bind(context.Context, sampler.Program) error { return cuda.ErrNotBuilt }

// Forward implements [sampler.Model].
func (*Sized) Forward(context.Context, *sampler.Eval) error { return cuda.ErrNotBuilt }

// Close frees the network.
func (*Network) Close() error { return nil }

// Graph is a graph on a GPU that is run by itself. Without the tag cuda there is none.
type Graph struct{}

// LoadGraph returns [cuda.ErrNotBuilt].
func LoadGraph(context.Context, *gpu.CUDA, *model.Graph, *model.Weights, GraphOptions) (*Graph, error) {
	return nil, cuda.ErrNotBuilt
}

// Run returns [cuda.ErrNotBuilt].
func (*Graph) Run(context.Context, int, model.Size, model.Inputs, [][]float32) error {
	return cuda.ErrNotBuilt
}

// PlanStats say where the plans came from.
func (*Graph) PlanStats() PlanStats { return PlanStats{} }

// Close frees the graph.
func (*Graph) Close() error { return nil }

// Compile returns [cuda.ErrNotBuilt].
func Compile(context.Context, model.Network, CompileOptions) (PlanStats, error) {
	return PlanStats{}, cuda.ErrNotBuilt
}

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
type Network struct{}

var (
	_ sampler.Model  = (*Network)(nil)
	_ sampler.Binder = (*Network)(nil)
)

// Load returns [cuda.ErrNotBuilt].
func Load(context.Context, *gpu.CUDA, model.Network, Options) (*Network, error) {
	return nil, cuda.ErrNotBuilt
}

// Shape implements [sampler.Model].
func (*Network) Shape() []int { return nil }

// PlanStats say where the plans came from.
func (*Network) PlanStats() PlanStats { return PlanStats{} }

// Bind implements [sampler.Binder].
func (*Network) Bind(context.Context, sampler.Program) error { return cuda.ErrNotBuilt }

// Forward implements [sampler.Model].
func (*Network) Forward(context.Context, *sampler.Eval) error { return cuda.ErrNotBuilt }

// Close frees the network.
func (*Network) Close() error { return nil }

// Compile returns [cuda.ErrNotBuilt].
func Compile(context.Context, model.Network, CompileOptions) (PlanStats, error) {
	return PlanStats{}, cuda.ErrNotBuilt
}

//go:build cuda

package device

import (
	"context"
	"encoding/json"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// Compile makes the plans of a network for an architecture and writes them to a file for
// [Options.Bundle]. It needs cuDNN but no GPU. The first operation without a plan gives
// a *[cudnn.NoPlanError] that names the layer, and no file.
func Compile(ctx context.Context, net model.Network, o CompileOptions) (PlanStats, error) {
	target, err := cudnn.TargetFor(o.Target)
	if err != nil {
		return PlanStats{}, err
	}
	if o.Height == 0 && o.Width == 0 {
		o.Height, o.Width = net.Height(), net.Width()
	}
	if o.Tokens == 0 {
		o.Tokens = model.DefaultTokens
	}
	var programs []*lower.Program
	for _, rows := range o.Rows {
		t := cudnn.DType(o.Type)
		prog, err := lower.Lower(net.Graph(), lower.Options{Rows: rows, Type: t, Beside: lower.Beside(net),
			Size: model.Size{H: o.Height, W: o.Width, Tokens: o.Tokens}})
		if err != nil {
			return PlanStats{}, err
		}
		programs = append(programs, prog)
	}
	lib, err := cudnn.Open()
	if err != nil {
		return PlanStats{}, err
	}
	p := planner{lib: lib, target: target, plans: map[string]*cudnn.Plan{}, exact: o.Type == gpu.Float32}
	defer p.close()
	b := bundle{Format: bundleFormat, Target: target.String(), Plans: map[string]json.RawMessage{}}
	for _, prog := range programs {
		if _, err := p.all(ctx, prog); err != nil {
			return p.stats, err
		}
	}
	for hash, plan := range p.plans {
		if b.Plans[hash], err = plan.JSON(); err != nil {
			return p.stats, err
		}
	}
	return p.stats, b.write(o.File)
}

//go:build cuda

package device

import (
	"context"
	"errors"
	"time"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// planner finds the plan of each operation graph: in a bundle, in the cache, or by
// asking cuDNN. Layers of the same shapes share a plan.
type planner struct {
	lib    *cudnn.Library
	target cudnn.Target
	bundle *bundle
	cache  cache
	plans  map[string]*cudnn.Plan // by hash
	limit  int                    // candidates to be timed
	exact  bool                   // of a float32 network
	time   func(s *lower.Step, p *cudnn.Plan) (time.Duration, error)
	stats  PlanStats
}

// plan returns the plan of a step. The first error names the layer and its shapes.
func (p *planner) plan(s *lower.Step) (*cudnn.Plan, error) {
	p.stats.Graphs++
	hash := s.Fusion.Hash()
	if plan := p.plans[hash]; plan != nil {
		return plan, nil
	}
	plan := p.stored(s, hash)
	if plan == nil {
		var err error
		if plan, err = p.choose(s); err != nil {
			return nil, err
		}
		if text, err := plan.JSON(); err == nil {
			p.cache.put(hash, text)
		}
	}
	p.plans[hash] = plan
	p.stats.Plans++
	return plan, nil
}

// stored looks for a plan that was made before. One that does not load is made again.
func (p *planner) stored(s *lower.Step, hash string) *cudnn.Plan {
	if p.bundle != nil {
		if plan, err := p.lib.LoadPlan(s.Fusion, p.target, p.bundle.Plans[hash]); err == nil {
			p.stats.Bundle++
			return plan
		}
	}
	if text := p.cache.get(hash); text != nil {
		if plan, err := p.lib.LoadPlan(s.Fusion, p.target, text); err == nil {
			p.stats.Cached++
			return plan
		}
	}
	return nil
}

// choose asks cuDNN, and times what it offers. Engines give the same bits in every run, and float32 is
// float32: no tensor cores, which would round it to TF32.
func (p *planner) choose(s *lower.Step) (*cudnn.Plan, error) {
	need := []cudnn.Property{cudnn.Deterministic}
	if p.exact {
		need = append(need, cudnn.FullPrecision)
	}
	candidates, err := p.lib.Candidates(s.Fusion, p.target, max(1, p.limit), need...)
	if err != nil {
		return nil, err
	}
	best := 0
	if len(candidates) > 1 && p.time != nil {
		least := time.Duration(-1)
		for i, c := range candidates {
			t, err := p.time(s, c)
			if err == nil && (least < 0 || t < least) {
				best, least = i, t
			}
		}
		p.stats.Timed++
	}
	var errs []error
	for i, c := range candidates {
		if i != best {
			errs = append(errs, c.Close())
		}
	}
	return candidates[best], errors.Join(errs...)
}

// all plans a program's graphs.
func (p *planner) all(ctx context.Context, prog *lower.Program) ([]*cudnn.Plan, error) {
	plans := make([]*cudnn.Plan, len(prog.Steps))
	for i := range prog.Steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &prog.Steps[i]
		if s.Fusion == nil {
			continue
		}
		var err error
		if plans[i], err = p.plan(s); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// close frees all plans.
func (p *planner) close() error {
	var errs []error
	for _, plan := range p.plans {
		errs = append(errs, plan.Close())
	}
	p.plans = nil
	return errors.Join(errs...)
}

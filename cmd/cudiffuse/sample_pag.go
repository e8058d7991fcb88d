package main

import "github.com/cudiffuse/cudiffuse/pipeline"

// pagFlags are those of perturbed-attention guidance.
type pagFlags struct {
	PAGScale  float64  `name:"pag-scale" help:"Scale of perturbed-attention guidance (3 is usual), which guides away from the network without self-attention; 0 for none." placeholder:"P"`
	PAGLayers []string `name:"pag-layers" help:"Where --pag-scale takes self-attention away, as diffusers names layers: mid if not given." placeholder:"LAYER"`
	PAGSkip   []string `name:"pag-skip" help:"Layers whose transformer blocks it leaves out as a whole (skip-layer guidance)." placeholder:"LAYER"`
}

// given are the flags that were given.
func (f pagFlags) given() []given {
	return []given{{"--pag-scale", f.PAGScale != 0}, {"--pag-layers", len(f.PAGLayers) > 0}, {"--pag-skip", len(f.PAGSkip) > 0}}
}

// pag sets the fields of a request.
func (f pagFlags) pag(r *pipeline.TextRequest) {
	r.PAGScale, r.PAGLayers, r.PAGSkip = f.PAGScale, f.PAGLayers, f.PAGSkip
}

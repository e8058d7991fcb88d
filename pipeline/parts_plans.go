package pipeline

import "github.com/cudiffuse/cudiffuse/model"

// partPlans are the parts that a GPU may run, those first that take the longest on the CPU.
func (p *TextToImage) partPlans() []partPlan {
	in, exact := p.info, p.info.XL && p.vae.Config().ForceUpcast
	plans := []partPlan{coderPlan("vae decoder", p.vae.Decoder(), tileSide(p.vae.Tile(), in.Height)/in.Factor,
		tileSide(p.vae.Tile(), in.Width)/in.Factor, exact)}
	for _, t := range p.texts {
		plans = append(plans, partPlan{name: t.name, graph: t.encoder.Graph(), weights: t.encoder.Weights(), rows: 2,
			size: model.Size{H: 1, W: 1, Tokens: t.tokens.Length()}})
	}
	plans = append(plans, coderPlan("vae encoder", p.vae.Encoder(), tileSide(p.vae.Tile(), in.Height),
		tileSide(p.vae.Tile(), in.Width), exact))
	if p.preview != nil && p.preview != p.vae {
		plans = append(plans, coderPlan("preview decoder", p.preview.Decoder(), in.Height/in.Factor, in.Width/in.Factor, false))
	}
	return plans
}

// partPlans is that of a model of latents without texts, which draws one size and encodes no image.
func (p *Pipeline) partPlans() []partPlan {
	return []partPlan{coderPlan("vae decoder", p.vae.Decoder(), tileSide(p.vae.Tile(), p.info.Height)*p.network.Height()/p.info.Height,
		tileSide(p.vae.Tile(), p.info.Width)*p.network.Width()/p.info.Width, false)}
}

func coderPlan(name string, c *model.ImageCoder, height, width int, exact bool) partPlan {
	return partPlan{name: name, graph: c.Graph(), weights: c.Weights(), rows: 1, exact: exact,
		size: model.Size{H: height, W: width, Tokens: model.DefaultTokens}}
}

// tileSide is what is coded at a time of a side, with tiles of a size, 0 for none.
func tileSide(tile, side int) int {
	if tile == 0 {
		return side
	}
	return min(tile, side)
}

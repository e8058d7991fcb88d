package main

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// plotComparison draws two panels: quality against cost for each sampler, and accuracy against diversity
// over the guidance scale.
func plotComparison(w io.Writer, c comparison) error {
	cost, err := costPanel(c)
	if err != nil {
		return err
	}
	trade, err := tradePanel(c)
	if err != nil {
		return err
	}
	img := vgimg.NewWith(vgimg.UseWH(11*vg.Inch, 4.6*vg.Inch), vgimg.UseDPI(110))
	canvas := draw.New(img)
	half, margin := canvas.Size().X/2, 4*vg.Millimeter
	cost.Draw(draw.Crop(canvas, margin, -half-margin, margin, -margin))
	trade.Draw(draw.Crop(canvas, half+margin, -2*margin, margin, -margin))
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

// palette is Okabe and Ito's, which people with colour blindness tell apart.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255}, {150, 150, 150, 255},
}

var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{},
	draw.RingGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.PlusGlyph{}}

func costPanel(c comparison) (*plot.Plot, error) {
	p := plot.New()
	// The cost is named in the title: gonum/plot misplaces a label below a logarithmic axis.
	p.Title.Text = fmt.Sprintf("Quality against network evaluations an image (%d images a point)", c.Images)
	p.Y.Label.Text = "Fréchet distance (lower is better)"
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 4, Label: "4"}, {Value: 8, Label: "8"}, {Value: 20, Label: "20"},
		{Value: 50, Label: "50"}, {Value: 100, Label: "100"}, {Value: 200, Label: "200"}, {Value: 2000, Label: "2000"}}
	p.X.Min, p.X.Max = 3, 3000
	p.Add(plotter.NewGrid())
	var labels []string
	series := map[string]plotter.XYs{}
	top := c.Real.Frechet
	for _, r := range c.Samplers {
		if series[r.Label] == nil {
			labels = append(labels, r.Label)
		}
		series[r.Label] = append(series[r.Label], plotter.XY{X: float64(r.Evaluations), Y: r.Quality.Frechet})
		top = math.Max(top, r.Quality.Frechet)
	}
	// Room for the legend above, and no empty space below what real images reach.
	p.Y.Min = 0.9 * c.Real.Frechet
	p.Y.Max = top + 0.9*(top-p.Y.Min)
	for i, label := range labels {
		line, points, err := plotter.NewLinePoints(series[label])
		if err != nil {
			return nil, err
		}
		line.Color, points.Color = palette[i%len(palette)], palette[i%len(palette)]
		points.Shape, points.Radius = shapes[i%len(shapes)], vg.Points(3.5)
		p.Add(line, points)
		p.Legend.Add(label, line, points)
	}
	floor := plotter.NewFunction(func(float64) float64 { return c.Real.Frechet })
	floor.Dashes, floor.Color = []vg.Length{vg.Points(3), vg.Points(3)}, color.Gray{100}
	p.Add(floor)
	p.Legend.Add("real images", floor)
	p.Legend.Top = true
	p.Legend.TextStyle.Font.Size = vg.Points(9)
	return p, nil
}

func tradePanel(c comparison) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Guidance: accuracy against diversity"
	p.X.Label.Text = "diversity (feature distance within a class)"
	p.Y.Label.Text = "class accuracy, %"
	p.Add(plotter.NewGrid())
	var xys plotter.XYs
	var names []string
	for _, r := range c.Scales {
		xys = append(xys, plotter.XY{X: r.Quality.Diversity, Y: 100 * r.Quality.Accuracy})
		names = append(names, fmt.Sprintf(" %v", r.Guidance))
	}
	line, points, err := plotter.NewLinePoints(xys)
	if err != nil {
		return nil, err
	}
	line.Color, points.Color, points.Shape = palette[0], palette[0], draw.CircleGlyph{}
	text, err := plotter.NewLabels(plotter.XYLabels{XYs: xys, Labels: names})
	if err != nil {
		return nil, err
	}
	real, err := plotter.NewScatter(plotter.XYs{{X: c.Real.Diversity, Y: 100 * c.Real.Accuracy}})
	if err != nil {
		return nil, err
	}
	real.Shape, real.Color, real.Radius = draw.CrossGlyph{}, palette[1], vg.Points(5)
	p.Add(line, points, text, real)
	p.Legend.Add("guidance scale", line, points)
	p.Legend.Add("real images", real)
	p.Legend.Top = false
	p.Legend.Left = true
	return p, nil
}

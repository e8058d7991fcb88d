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

// plottedSampler is a line of the plot.
type plottedSampler struct {
	note
	steps []int // chosen to be near 5, 8, 12, 20 and 50 evaluations
}

// plotted is a dozen that stands for the families.
func plotted() []plottedSampler {
	var out []plottedSampler
	for _, s := range []struct {
		name  string
		steps []int
	}{
		{"ddim", []int{5, 8, 12, 20, 50}}, {"dpmpp_2m", []int{5, 8, 12, 20, 50}}, {"dpmpp_3m", []int{5, 8, 12, 20, 50}},
		{"unipc_bh2", []int{5, 8, 12, 20, 50}}, {"deis", []int{5, 8, 12, 20, 50}}, {"ipndm", []int{5, 8, 12, 20, 50}},
		{"gradient_estimation", []int{5, 8, 12, 20, 50}}, {"heun", []int{3, 4, 6, 10, 25}},
		{"euler_ancestral", []int{5, 8, 12, 20, 50}}, {"dpmpp_2m_sde", []int{5, 8, 12, 20, 50}},
		{"er_sde", []int{5, 8, 12, 20, 50}}, {"lcm", []int{1, 2, 4, 8}},
	} {
		for _, n := range allNotes() {
			if n.name == s.name {
				out = append(out, plottedSampler{n, s.steps})
			}
		}
	}
	return out
}

// plot draws Fréchet distance and accuracy over the evaluations of an image, and one legend for both.
func (m galleryFigures) plot(w io.Writer) error {
	distance, legend, err := m.panel("Fréchet distance (lower is better)", m.Real.Frechet,
		func(p galleryPoint) float64 { return p.Frechet })
	if err != nil {
		return err
	}
	accuracy, _, err := m.panel("class accuracy, %", 100*m.Real.Accuracy,
		func(p galleryPoint) float64 { return 100 * p.Accuracy })
	if err != nil {
		return err
	}
	img := vgimg.NewWith(vgimg.UseWH(12*vg.Inch, 4.6*vg.Inch), vgimg.UseDPI(100))
	canvas := draw.New(img)
	panel, margin := 5*vg.Inch, 4*vg.Millimeter
	width := canvas.Size().X
	distance.Draw(draw.Crop(canvas, margin, panel-width-margin, margin, -margin))
	accuracy.Draw(draw.Crop(canvas, panel+margin, 2*panel-width-margin, margin, -margin))
	legend.Draw(draw.Crop(canvas, 2*panel, -margin, 2*margin, -3*margin))
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

func (m galleryFigures) panel(label string, real float64, value func(galleryPoint) float64) (
	*plot.Plot, plot.Legend, error) {
	p, legend := plot.New(), plot.NewLegend()
	legend.Top, legend.Left = true, true
	legend.TextStyle.Font.Size, legend.Padding = vg.Points(10), vg.Points(4)
	// The cost is named in the title: gonum/plot misplaces a label below a logarithmic axis.
	p.Title.Text = "Against network evaluations an image"
	p.Y.Label.Text = label
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 1, Label: "1"}, {Value: 2, Label: "2"}, {Value: 5, Label: "5"},
		{Value: 8, Label: "8"}, {Value: 12, Label: "12"}, {Value: 20, Label: "20"}, {Value: 50, Label: "50"}}
	p.X.Min, p.X.Max = 0.9, 60
	p.Y.Min, p.Y.Max = real, real
	p.Add(plotter.NewGrid())
	for i, s := range plotted() {
		var xys plotter.XYs
		for _, q := range m.Points {
			if q.Sampler == s.name {
				xys = append(xys, plotter.XY{X: float64(q.Evaluations), Y: value(q)})
			}
		}
		line, points, err := plotter.NewLinePoints(xys)
		if err != nil {
			return nil, legend, fmt.Errorf("%s: %w", s.name, err)
		}
		c := palette[i%len(palette)]
		line.Color, points.Color = c, c
		if i >= len(palette) {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		points.Shape, points.Radius = shapes[i%len(shapes)], vg.Points(3.5)
		p.Add(line, points)
		legend.Add(s.name, line, points)
	}
	p.Y.Min, p.Y.Max = 10*math.Floor(p.Y.Min/10), 10*math.Ceil(p.Y.Max/10)
	floor := plotter.NewFunction(func(float64) float64 { return real })
	floor.Dashes, floor.Color = []vg.Length{vg.Points(3), vg.Points(3)}, color.Gray{100}
	p.Add(floor)
	legend.Add("real images", floor)
	return p, legend, nil
}

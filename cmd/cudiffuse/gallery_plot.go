package main

import (
	"fmt"
	"image/color"
	"io"

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

// plot draws two panels over the evaluations of an image: Fréchet distance and accuracy.
func (m galleryFigures) plot(w io.Writer) error {
	distance, err := m.panel("Fréchet distance (lower is better)", m.Real.Frechet,
		func(p galleryPoint) float64 { return p.Frechet })
	if err != nil {
		return err
	}
	distance.Y.Scale, distance.Y.Tick.Marker = plot.LogScale{}, plot.ConstantTicks{
		{Value: 50, Label: "50"}, {Value: 70, Label: "70"}, {Value: 100, Label: "100"},
		{Value: 150, Label: "150"}, {Value: 200, Label: "200"}, {Value: 300, Label: "300"}}
	distance.Legend = plot.NewLegend()
	accuracy, err := m.panel("class accuracy, %", 100*m.Real.Accuracy,
		func(p galleryPoint) float64 { return 100 * p.Accuracy })
	if err != nil {
		return err
	}
	accuracy.Legend.Top, accuracy.Legend.Left = false, false
	accuracy.Legend.TextStyle.Font.Size = vg.Points(9)
	img := vgimg.NewWith(vgimg.UseWH(11*vg.Inch, 4.6*vg.Inch), vgimg.UseDPI(110))
	canvas := draw.New(img)
	half, margin := canvas.Size().X/2, 4*vg.Millimeter
	distance.Draw(draw.Crop(canvas, margin, -half-margin, margin, -margin))
	accuracy.Draw(draw.Crop(canvas, half+margin, -2*margin, margin, -margin))
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

func (m galleryFigures) panel(label string, real float64, value func(galleryPoint) float64) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Against network evaluations an image (%d images a point)", m.Images)
	p.Y.Label.Text = label
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 1, Label: "1"}, {Value: 2, Label: "2"}, {Value: 5, Label: "5"},
		{Value: 8, Label: "8"}, {Value: 12, Label: "12"}, {Value: 20, Label: "20"}, {Value: 50, Label: "50"}}
	p.X.Min, p.X.Max = 0.9, 60
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
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		c := palette[i%len(palette)]
		line.Color, points.Color = c, c
		if i >= len(palette) {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		points.Shape, points.Radius = shapes[i%len(shapes)], vg.Points(3.5)
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	floor := plotter.NewFunction(func(float64) float64 { return real })
	floor.Dashes, floor.Color = []vg.Length{vg.Points(3), vg.Points(3)}, color.Gray{100}
	p.Add(floor)
	p.Legend.Add("real images", floor)
	return p, nil
}

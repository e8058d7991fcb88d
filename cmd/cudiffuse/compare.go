package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cudiffuse/cudiffuse/internal/quality"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
)

type compareCmd struct {
	N        int     `short:"n" help:"Images of each class in each run." default:"10"`
	Guidance float64 `help:"Guidance scale of the sampler table; the few-step student has 1.5 built in." default:"1.5"`
	Seed     uint64  `help:"Seed of the first image of each run." default:"1"`
	Quick    bool    `help:"Leave out DDPM with 1000 steps, which takes half of the time."`
	Out      string  `short:"o" help:"Folder for compare.md, compare.json and compare.png." default:"." placeholder:"FOLDER"`
	Threads  int     `help:"CPU threads; 0 for all." default:"0"`
	JSON     bool    `name:"json" help:"Print the JSON in place of the table."`
}

// experiment is one run of the comparison.
type experiment struct {
	Label   string `json:"label"`
	Note    string `json:"note,omitempty"`
	Student bool   `json:"student"` // the distilled model
	request pipeline.Request
}

// measured is an experiment with its figures.
type measured struct {
	experiment
	Sampler     string         `json:"sampler"`
	Steps       int            `json:"steps"`
	Guidance    float64        `json:"guidance"`
	Evaluations int            `json:"evaluations_per_image"` // both conditions of guidance counted
	Seconds     float64        `json:"seconds_per_image"`
	Quality     quality.Report `json:"quality"`
}

// comparison is everything that compare writes.
type comparison struct {
	Model    string     `json:"model"`
	Images   int        `json:"images_per_run"`
	Seed     uint64     `json:"seed"`
	Threads  int        `json:"threads"`
	CPU      string     `json:"arithmetic"`
	Samplers []measured `json:"samplers"`
	Clips    []measured `json:"ddim_clip_forms"`
	Scales   []measured `json:"guidance"`
	Real     realImages `json:"real_images"`
}

// realImages is the yardstick: what as many real images measure.
type realImages struct {
	Accuracy  float64 `json:"accuracy"`
	Frechet   float64 `json:"frechet"`
	Diversity float64 `json:"diversity"`
}

// samplerTable is the classic comparison of samplers.
func (c *compareCmd) samplerTable() []experiment {
	run := func(label, name string, steps int) experiment {
		return experiment{Label: label, request: pipeline.Request{Sampler: name, Steps: steps, Guidance: c.Guidance}}
	}
	student := func(steps int) experiment {
		return experiment{Label: "LCM", Student: true, Note: "distilled student, guidance 1.5 built in",
			request: pipeline.Request{Sampler: "lcm", Steps: steps, Guidance: 1}}
	}
	undistilled := run("LCM, not distilled", "lcm", 4)
	undistilled.Note = "the teacher's weights in the LCM sampler, for comparison"
	undistilled.request.Clip = 1
	rows := []experiment{
		run("DDIM", "ddim", 100), run("DDIM", "ddim", 50), run("DDIM", "ddim", 20),
		run("Euler ancestral", "euler_ancestral", 50), run("Heun", "heun", 15),
		run("DPM-Solver++ 2M", "dpmpp_2m", 25), run("DPM-Solver++ 2M", "dpmpp_2m", 20),
		run("DPM-Solver++ 2M", "dpmpp_2m", 10), run("DPM-Solver++ 3M", "dpmpp_3m", 10),
		student(8), student(4), undistilled,
	}
	if c.Quick {
		return rows
	}
	ddpm := run("DDPM", "ddpm", 1000)
	return append([]experiment{ddpm}, rows...)
}

// clipTable is what the clip of x0 does to DDIM.
func clipTable() []experiment {
	run := func(label string, clip float64, p sampler.Params) experiment {
		return experiment{Label: label, request: pipeline.Request{Sampler: "ddim", Steps: 20, Guidance: 2,
			Clip: clip, Params: p}}
	}
	return []experiment{
		run("no clip", -1, sampler.Params{}),
		run("clip, epsilon recomputed", 1, sampler.Params{}),
		run("clip, epsilon kept (textbook)", 1, sampler.Params{KeepEpsilon: true}),
	}
}

// scaleTable is the guidance trade-off.
func scaleTable() []experiment {
	var rows []experiment
	for _, s := range []float64{1, 1.5, 2, 3, 4, 6, 7.5} {
		rows = append(rows, experiment{Label: fmt.Sprintf("scale %v", s),
			request: pipeline.Request{Sampler: "dpmpp_2m", Steps: 20, Guidance: s}})
	}
	return rows
}

// Run measures and writes the table, the JSON and the plot.
func (c *compareCmd) Run(a *app) error {
	if c.N < 2 || c.N > pipeline.MaxImages/quality.Classes {
		return usagef("--n %d: want 2 to %d images of each class", c.N, pipeline.MaxImages/quality.Classes)
	}
	if !(c.Guidance >= 1 && c.Guidance <= 100) {
		return usagef("--guidance %v: want 1 to 100", c.Guidance)
	}
	if st, err := os.Stat(c.Out); err != nil || !st.IsDir() {
		return usagef("--out %s: want a folder that exists", c.Out)
	}
	m, err := newMeter(a, c)
	if err != nil {
		return err
	}
	defer m.close()
	cmp, err := c.measure(m)
	if err != nil {
		return err
	}
	if err := c.writeAll(cmp); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(cmp)
	}
	return writeTables(a.stdout, cmp)
}

func (c *compareCmd) measure(m *meter) (comparison, error) {
	real, err := quality.Reference()
	if err != nil {
		return comparison{}, err
	}
	cmp := comparison{Model: "fashion", Images: c.N * quality.Classes, Seed: c.Seed,
		Threads: m.pool.Threads(), CPU: m.arithmetic()}
	tables := []struct {
		dst  *[]measured
		rows []experiment
	}{{&cmp.Samplers, c.samplerTable()}, {&cmp.Clips, clipTable()}, {&cmp.Scales, scaleTable()}}
	for _, t := range tables {
		for _, e := range t.rows {
			m.total += m.cost(e)
		}
	}
	for _, t := range tables {
		for _, e := range t.rows {
			r, err := m.run(e)
			if err != nil {
				return cmp, err
			}
			*t.dst = append(*t.dst, r)
		}
	}
	cmp.Real = realImages{real.Accuracy, real.FloorAt(cmp.Images), real.Diversity}
	return cmp, nil
}

func (c *compareCmd) writeAll(cmp comparison) error {
	for name, write := range map[string]func(io.Writer) error{
		"compare.md": func(w io.Writer) error { return writeTables(w, cmp) },
		"compare.json": func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", " ")
			return enc.Encode(cmp)
		},
		"compare.png": func(w io.Writer) error { return plotComparison(w, cmp) },
	} {
		path := filepath.Join(c.Out, name)
		if err := writeFile(path, write); err != nil {
			return err
		}
	}
	return nil
}

// meter runs experiments on both bundled models and keeps one progress bar over all of them.
type meter struct {
	ctx     context.Context
	c       *compareCmd
	teacher *pipeline.Pipeline
	student *pipeline.Pipeline
	pool    *workers.Pool
	bar     *progress
	done    int // network evaluations per image, over all experiments
	total   int
}

func newMeter(a *app, c *compareCmd) (*meter, error) {
	o := pipeline.Options{Threads: c.Threads}
	teacher, err := openModel("fashion", o)
	if err != nil {
		return nil, err
	}
	student, err := openModel("fashion_lcm", o)
	if err != nil {
		return nil, err
	}
	return &meter{ctx: a.ctx, c: c, teacher: teacher, student: student, pool: workers.New(c.Threads),
		bar: newProgress(a.stderr, "comparing")}, nil
}

func (m *meter) close() {
	m.bar.done()
	m.teacher.Close()
	m.student.Close()
	m.pool.Close()
}

// cost is the number of network evaluations for an image, both conditions counted.
func (m *meter) cost(e experiment) int {
	n := e.request.Steps
	if e.request.Sampler == "heun" {
		n = 2*n - 1
	}
	return n * conditions(e.request.Guidance)
}

func conditions(guidance float64) int {
	if guidance == 1 {
		return 1
	}
	return 2
}

func (m *meter) run(e experiment) (measured, error) {
	p := m.teacher
	if e.Student {
		p = m.student
	}
	r := e.request
	r.N, r.Seed = m.c.N, m.c.Seed
	k := conditions(r.Guidance)
	res, err := p.GenerateFunc(m.ctx, r, func(s pipeline.Step) error {
		m.bar.step(m.done+s.Stage*k, m.total)
		return nil
	})
	if err != nil {
		return measured{}, err
	}
	m.done += m.cost(e)
	var images []float32
	var classes []int
	for _, img := range res.Images {
		images, classes = append(images, img.Sample...), append(classes, img.Class)
	}
	q, err := quality.Measure(m.pool, images, classes)
	if err != nil {
		return measured{}, err
	}
	n := len(res.Images)
	return measured{experiment: e, Sampler: res.Parameters.Sampler, Steps: res.Parameters.Steps,
		Guidance: res.Parameters.Guidance, Evaluations: res.Evaluations / n,
		Seconds: res.Elapsed.Seconds() / float64(n), Quality: q}, nil
}

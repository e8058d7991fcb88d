package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"strings"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
)

type galleryCmd struct {
	Out     string `short:"o" help:"Folder for README.md, its pictures and figures." default:"docs/samplers" placeholder:"FOLDER"`
	Only    string `help:"Draw this sampler's picture alone, and leave the rest." placeholder:"SAMPLER"`
	Page    bool   `help:"Write the page and the plot alone, with the figures that --out holds."`
	Threads int    `help:"CPU threads; 0 for all." default:"0"`
}

// What the pictures show: the same seeds and classes for every sampler.
const (
	gallerySeed  = 7
	galleryZoom  = 2
	galleryGap   = 8   // pixels between two numbers of steps
	galleryScale = 1.3 // guidance of the CFG++ samplers, which are others' without it
)

var (
	galleryClasses = []int{3, 5, 8, 9} // dress, sandal, bag, ankle boot
	gallerySteps   = []int{5, 10, 20, 50}
	studentSteps   = []int{1, 2, 4, 8}
)

// Run draws the pictures, measures, and writes the page.
func (c *galleryCmd) Run(a *app) error {
	if st, err := os.Stat(c.Out); err != nil || !st.IsDir() {
		return usagef("--out %s: want a folder that exists", c.Out)
	}
	if c.Page && c.Only != "" {
		return usagef("--page and --only: want one of them")
	}
	if c.Only != "" {
		e, err := sampler.Lookup(c.Only)
		if err != nil {
			return &usageError{err}
		}
		c.Only = e.Name
		for _, n := range allNotes() {
			if n.name == e.Name && n.picture != "" {
				return usagef("--only: %s is not drawn. %s", n.name, n.picture)
			}
		}
	}
	if c.Page {
		m, err := readFigures(c.Out)
		if err != nil {
			return &usageError{err}
		}
		return m.write(c.Out)
	}
	g, err := newGallery(a.ctx, c.Threads)
	if err != nil {
		return err
	}
	defer g.close()
	if err := g.drawAll(c, newProgress(a.stderr, "drawing")); err != nil || c.Only != "" {
		return err
	}
	m, err := g.measure(newProgress(a.stderr, "measuring"))
	if err != nil {
		return err
	}
	return m.write(c.Out)
}

// drawAll writes the pictures.
func (g *gallery) drawAll(c *galleryCmd, bar *progress) error {
	defer bar.done()
	notes := allNotes()
	for i, n := range notes {
		if n.picture != "" || c.Only != "" && c.Only != n.name {
			continue
		}
		img, err := g.strip(n)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if err := writePNG(filepath.Join(c.Out, n.name+".png"), img, ""); err != nil {
			return err
		}
		if c.Only == "" {
			bar.step(i+1, len(notes))
		}
	}
	return nil
}

// gallery draws with both bundled models.
type gallery struct {
	ctx              context.Context
	teacher, student *pipeline.Pipeline
	pool             *workers.Pool
}

func newGallery(ctx context.Context, threads int) (*gallery, error) {
	o := pipeline.Options{Threads: threads}
	teacher, err := openModel("fashion", o)
	if err != nil {
		return nil, err
	}
	student, err := openModel("fashion_lcm", o)
	if err != nil {
		teacher.Close()
		return nil, err
	}
	return &gallery{ctx: ctx, teacher: teacher, student: student, pool: workers.New(threads)}, nil
}

func (g *gallery) close() {
	g.teacher.Close()
	g.student.Close()
	g.pool.Close()
}

// needsGuidance says whether the sampler is another's without guidance.
func (n note) needsGuidance() bool { return strings.HasSuffix(n.name, "_cfg_pp") }

// request is what a picture of n is made with; the steps and the images are left open.
func (n note) request() pipeline.Request {
	r := pipeline.Request{Sampler: n.name, Guidance: 1}
	if n.needsGuidance() {
		r.Guidance = galleryScale
	}
	return r
}

// steps are those of the groups of n's picture.
func (n note) steps() []int {
	if n.student {
		return studentSteps
	}
	return gallerySteps
}

func (g *gallery) generate(n note, r pipeline.Request) (pipeline.Result, error) {
	if n.student {
		return g.student.Generate(g.ctx, r)
	}
	return g.teacher.Generate(g.ctx, r)
}

// strip draws the images of n at each number of steps, side by side.
func (g *gallery) strip(n note) (image.Image, error) {
	var sheets []image.Image
	for _, steps := range n.steps() {
		r := n.request()
		r.Steps, r.Seed, r.Classes = steps, gallerySeed, galleryClasses
		res, err := g.generate(n, r)
		if err != nil {
			return nil, err
		}
		sheet, err := pipeline.Grid(res.Images, len(res.Images), galleryZoom)
		if err != nil {
			return nil, err
		}
		sheets = append(sheets, sheet)
	}
	size := sheets[0].Bounds().Size()
	strip := image.NewGray(image.Rect(0, 0, (size.X+galleryGap)*len(sheets)-galleryGap, size.Y))
	draw.Draw(strip, strip.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for i, s := range sheets {
		at := image.Pt(i*(size.X+galleryGap), 0)
		draw.Draw(strip, image.Rectangle{Min: at, Max: at.Add(size)}, s, s.Bounds().Min, draw.Src)
	}
	return strip, nil
}

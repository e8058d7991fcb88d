package sampler_test

import (
	"context"
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// hostModel is a network of one's own that runs on the host: a Go function here, in its place might be a session of
// another runtime. predict gets the scaled sample, the timestep and the condition of one row and fills in the output.
type hostModel struct {
	shape   []int
	predict func(x []float32, t float32, cond sampler.Cond, out []float32) error
}

func (m hostModel) Shape() []int { return m.shape }

func (m hostModel) Forward(ctx context.Context, e *sampler.Eval) error {
	in, t, out := e.In.Host(), e.T.Host(), e.Out.Host()
	for _, row := range e.Active { // others belong to requests that are done, or are not needed now
		if err := ctx.Err(); err != nil {
			return err
		}
		lo, hi := row*e.Elems, (row+1)*e.Elems
		if err := m.predict(in[lo:hi], t[row], e.Conds[row], out[lo:hi]); err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
	}
	return nil
}

// signs is the exact network for data whose elements are -1 or 1: the expected clean sample is
// tanh(x*alpha/sigma^2). With the condition "up" all of them are 1.
func signs(noise *schedule.Noise) sampler.Model {
	return hostModel{shape: []int{1, 2, 2}, predict: func(x []float32, t float32, cond sampler.Cond, out []float32) error {
		if cond != nil && cond != "up" {
			return fmt.Errorf("condition %v: want up or nil", cond)
		}
		p := noise.Point(int(t))
		for i, v := range x {
			out[i] = 1
			if cond == nil {
				out[i] = float32(math.Tanh(float64(v) * p.Alpha / (p.Sigma * p.Sigma)))
			}
		}
		return nil
	}}
}

// drawSigns draws two samples on a device in one batch, without a condition and with "up" at a guidance scale of 2.
func drawSigns(dev sampler.Device, wrap func(sampler.Model) sampler.Model) error {
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	if err != nil {
		return err
	}
	noise, err := schedule.New(betas)
	if err != nil {
		return err
	}
	points, err := schedule.Grid{Noise: noise, Steps: 20, Spacing: schedule.Trailing}.Points()
	if err != nil {
		return err
	}
	plan, err := sampler.New(sampler.DDIM{}, points, schedule.X0, sampler.WithClip(1)) // the network predicts x0
	if err != nil {
		return err
	}
	guided, err := sampler.Guide("up", nil, 2)
	if err != nil {
		return err
	}
	out, err := sampler.Run(context.Background(), dev, wrap(signs(noise)), []sampler.Request{
		{Plan: plan, Conds: []sampler.Weighted{{Weight: 1}}, Seed: 3},
		{Plan: plan, Conds: guided, Seed: 4},
	})
	for _, x := range out {
		fmt.Printf("%+.2f\n", x)
	}
	return err
}

// A network of one's own is a type with two methods. Here it is a Go function, sampled on the CPU.
func ExampleModel() {
	dev := gpu.NewCPU(1)
	defer dev.Close()
	own := func(m sampler.Model) sampler.Model { return m }
	if err := drawSigns(dev, own); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [+1.00 +1.00 +1.00 -1.00]
	// [+1.00 +1.00 +1.00 +1.00]
}

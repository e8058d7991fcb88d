package gpu

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// transfer is a buffer that the host cannot use, but can copy.
type transfer interface {
	Download(dst []float32) error
	Upload(src []float32) error
}

// OnHost returns a network of the CPU for any device: where the device's buffers are not in host
// memory it copies the inputs there and the output back, for every evaluation. Like m, it is used by
// one goroutine. The result of a run is the one that [CPU] gives, bit for bit, while the network's
// buffers are float32.
func OnHost(m sampler.Model) sampler.Model { return &onHost{Model: m} }

type onHost struct {
	sampler.Model
	of   *sampler.Eval // what the host buffers were made for
	host sampler.Eval
}

// Forward implements [sampler.Model].
func (m *onHost) Forward(ctx context.Context, e *sampler.Eval) error {
	if e.In.Host() != nil && e.T.Host() != nil && e.Out.Host() != nil {
		return m.Model.Forward(ctx, e)
	}
	in, okIn := e.In.(transfer)
	t, okT := e.T.(transfer)
	out, okOut := e.Out.(transfer)
	if !okIn || !okT || !okOut {
		return notCopied(e.In)
	}
	if m.of != e {
		m.of = e
		m.host = sampler.Eval{Elems: e.Elems, Conds: e.Conds, In: make(HostBuffer, e.In.Len()),
			T: make(HostBuffer, e.T.Len()), Out: make(HostBuffer, e.Out.Len())}
	}
	if e.Variance != nil && m.host.Variance == nil {
		m.host.Variance = make(HostBuffer, e.Variance.Len())
	}
	m.host.Active = e.Active
	if err := in.Download(m.host.In.Host()); err != nil {
		return err
	}
	if err := t.Download(m.host.T.Host()); err != nil {
		return err
	}
	if err := m.Model.Forward(ctx, &m.host); err != nil {
		return err
	}
	if e.Variance != nil {
		v, ok := e.Variance.(transfer)
		if !ok {
			return notCopied(e.Variance)
		}
		if err := v.Upload(m.host.Variance.Host()); err != nil {
			return err
		}
	}
	return out.Upload(m.host.Out.Host())
}

// PredictsVariance implements [sampler.VarianceModel].
func (m *onHost) PredictsVariance() bool { return sampler.PredictsVariance(m.Model) }

func notCopied(b sampler.Buffer) error {
	return &sampler.RequestError{Row: -1, Field: "buffers", Detail: fmt.Sprintf("%T can not be copied to host memory", b)}
}

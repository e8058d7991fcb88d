//go:build cuda

package device

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// uploads are a run's inputs as the device takes them.
type uploads struct {
	sample []byte   // a multiple of 256 bytes
	others [][]byte // by lower.Program.Inputs
}

// uploadsOf converts and checks the inputs of a program.
func uploadsOf(prog *lower.Program, w *model.Weights, in model.Inputs) (*uploads, error) {
	u := &uploads{}
	for _, i := range prog.Graph.Inputs {
		switch i.Kind {
		case model.InputSample:
			want := prog.Rows * prog.Shapes[i.Tensor].Len()
			if len(in.Sample) != want {
				return nil, lengthError(i.Kind, len(in.Sample), want)
			}
			u.sample = make([]byte, (int64(want)*prog.Type.Size()+255)/256*256)
			lower.Store(prog.Type, u.sample, in.Sample)
		case model.InputTimestep:
			return nil, &model.InputError{Input: i.Kind.String(), Detail: "is of a denoiser: Load takes it, in a sampler's program"}
		}
	}
	for _, i := range prog.Inputs {
		b, err := upload(prog, w, i, in)
		if err != nil {
			return nil, err
		}
		u.others = append(u.others, b)
	}
	return u, nil
}

func lengthError(kind model.InputKind, has, want int) error {
	return &model.InputError{Input: kind.String(), Detail: fmt.Sprintf("has %d elements, wanted %d", has, want)}
}

// upload is one input, for all rows.
func upload(prog *lower.Program, w *model.Weights, i lower.Input, in model.Inputs) ([]byte, error) {
	switch i.Kind {
	case model.InputTokenIDs:
		return embedTokens(prog, w, i, in.TokenIDs)
	case model.InputTokenIndex:
		return indexes(prog, i, in.TokenIndex)
	}
	values, ok := map[model.InputKind][]float32{model.InputContext: in.Context, model.InputPooled: in.Pooled,
		model.InputTimeIDs: in.TimeIDs, model.InputTimestepCond: in.TimestepCond}[i.Kind]
	if !ok {
		return nil, &model.InputError{Input: i.Kind.String(), Detail: "is not taken by a graph that runs by itself"}
	}
	if want := prog.Rows * i.Length; len(values) != want {
		return nil, lengthError(i.Kind, len(values), want)
	}
	t := prog.Type
	if i.Type == lower.InputFloat32 {
		t = cudnn.Float32
	}
	b := make([]byte, int64(len(values))*t.Size())
	lower.Store(t, b, values)
	return b, nil
}

// embedTokens are the features of the tokens of all texts.
func embedTokens(prog *lower.Program, w *model.Weights, i lower.Input, ids []int64) ([]byte, error) {
	tokens := i.Length / i.Tokens.Dim
	if want := prog.Rows * tokens; len(ids) != want {
		return nil, lengthError(i.Kind, len(ids), want)
	}
	values := make([]float32, prog.Rows*i.Length)
	for row := range prog.Rows {
		if err := i.Embed(w, ids[row*tokens:][:tokens], values[row*i.Length:][:i.Length]); err != nil {
			return nil, err
		}
	}
	b := make([]byte, int64(len(values))*prog.Type.Size())
	lower.Store(prog.Type, b, values)
	return b, nil
}

// indexes are the places of tokens in their texts.
func indexes(prog *lower.Program, i lower.Input, index []int64) ([]byte, error) {
	if len(index) != prog.Rows {
		return nil, lengthError(i.Kind, len(index), prog.Rows)
	}
	tokens := int64(min(prog.Size.Tokens, math.MaxInt32))
	b := make([]byte, 4*len(index))
	for row, v := range index {
		if v < 0 || v >= tokens {
			return nil, &model.InputError{Input: i.Kind.String(), Detail: fmt.Sprintf("of row %d is %d, not within 0..%d", row, v, tokens-1)}
		}
		binary.LittleEndian.PutUint32(b[4*row:], uint32(v))
	}
	return b, nil
}

// write brings the inputs to the device.
func (u *uploads) write(r *run, sample *cuda.Buffer) error {
	if len(u.sample) > 0 {
		if err := r.n.dev.Write(sample, 0, u.sample); err != nil {
			return err
		}
	}
	return r.upload(func(i int, _ lower.Input) ([]byte, error) { return u.others[i], nil })
}

package safetensors_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// A file is written, opened, and its tensors are read by name and wanted shape.
func Example() {
	var b bytes.Buffer
	err := safetensors.Write(&b, []safetensors.Data{
		{Name: "conv.weight", Shape: []int{2, 1, 1, 1}, F32: []float32{0.5, -0.5}},
		{Name: "steps", I64: []int64{1000}},
	}, map[string]string{"format": "pt"})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := safetensors.Parse(bytes.NewReader(b.Bytes()), int64(b.Len()), "model.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range f.Tensors() {
		fmt.Println(t.Name, t.DType, t.Shape, t.Elems())
	}
	set, err := safetensors.SetOf(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer set.Close()
	fmt.Println(set.Want("conv.weight", 2, 1, 1, 1))
	_, err = set.Want("conv.weight", 2, 3)
	fmt.Println(err, errors.Is(err, safetensors.ErrShape))
	// Output:
	// conv.weight F32 [2 1 1 1] 2
	// steps I64 [] 1
	// [0.5 -0.5] <nil>
	// safetensors: model.safetensors: tensor "conv.weight": shape is [2 1 1 1], wanted [2 3] true
}

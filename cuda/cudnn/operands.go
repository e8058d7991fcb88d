package cudnn

import "fmt"

// operand is a tensor that an execution is given: its memory or its value.
type operand struct {
	id     int64 // Tensor.ID
	number int64 // the library's number, from 1 in the order of Graph.tensors, so that equal graphs have equal plans
	name   string
	scalar bool
	value  float32
}

func operandsOf(g *Graph) []operand {
	var all []operand
	for i, x := range g.tensors() {
		if !x.Virtual {
			all = append(all, operand{id: x.ID, number: int64(i + 1), name: x.Name, scalar: x.Scalar, value: x.Value})
		}
	}
	return all
}

// alignment is what the address of every operand is a multiple of, in bytes.
const alignment = 16

// addresses returns the memory of each operand, 0 for scalars.
func addresses(graph string, operands []operand, memory map[int64]uint64) ([]uint64, error) {
	at := make([]uint64, len(operands))
	for i, o := range operands {
		p, ok := memory[o.id]
		detail := ""
		switch {
		case o.scalar && ok:
			detail = "a scalar is given memory"
		case o.scalar:
			continue
		case !ok || p == 0:
			detail = fmt.Sprintf("number %d has no memory", o.id)
		case p%alignment != 0:
			detail = fmt.Sprintf("its memory is not aligned to %d bytes", alignment)
		}
		if detail != "" {
			return nil, &GraphError{Graph: graph, Op: -1, Tensor: o.name, Detail: detail}
		}
		at[i] = p
	}
	return at, nil
}

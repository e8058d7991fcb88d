package lower

import (
	"fmt"
	"strings"
)

// Error says which layer a GPU cannot execute as asked, and why.
type Error struct {
	Layer  string // the layer's name in the weights
	Kind   string // the operation
	Detail string // shapes and reason
}

// Error implements error.
func (e *Error) Error() string {
	return "lower: " + strings.TrimSpace(e.Kind+" "+e.Layer) + ": " + e.Detail
}

func errorf(kind, layer, format string, args ...any) error {
	return &Error{Kind: kind, Layer: layer, Detail: fmt.Sprintf(format, args...)}
}

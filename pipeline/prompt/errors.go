package prompt

import "fmt"

// Error is a prompt that cannot be read.
type Error struct {
	Offset int    // in bytes, where in the text, -1 for the whole of it
	Detail string // what is wrong and what would be right
}

// Error implements error.
func (e *Error) Error() string {
	if e.Offset < 0 {
		return "prompt: " + e.Detail
	}
	return fmt.Sprintf("prompt, at byte %d: %s", e.Offset, e.Detail)
}

func errorAt(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Detail: fmt.Sprintf(format, args...)}
}

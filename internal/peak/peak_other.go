//go:build !amd64

package peak

// Of returns ErrUnsupported.
func Of(string) (Loops, error) { return Loops{}, ErrUnsupported }

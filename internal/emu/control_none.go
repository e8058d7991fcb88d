//go:build !(cuda && cgo && linux)

package emu

// Control answers [ErrNotLoaded]: a program without the tag cuda has no driver.
func Control(string) (string, error) { return "", ErrNotLoaded }

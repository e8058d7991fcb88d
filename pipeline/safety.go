package pipeline

import (
	"fmt"
	"image"
)

// SafetyError is a finished image that [Options.Safety] refused. The image is not returned, nor are the others of its
// request.
type SafetyError struct {
	Image int    // number in the request
	Seed  uint64 // that would draw it again
	Err   error  // of the function
}

// Error implements error.
func (e *SafetyError) Error() string {
	return fmt.Sprintf("image %d (seed %d) was refused: %v", e.Image, e.Seed, e.Err)
}

// Unwrap returns the cause.
func (e *SafetyError) Unwrap() error { return e.Err }

// approve asks whether a finished image may be returned.
func (pl *place) approve(img image.Image, i int, seed uint64) error {
	if pl.safety == nil {
		return nil
	}
	if err := pl.safety(img); err != nil {
		return &SafetyError{Image: i, Seed: seed, Err: err}
	}
	return nil
}

// approved returns an image of a step if it may be: those of steps before the last are not finished.
func (s TextStep) approved(img image.Image, i int, err error) (image.Image, error) {
	if err == nil && s.Stage == s.Stages {
		err = s.p.approve(img, i, s.j.Seed+uint64(i))
	}
	if err != nil {
		return nil, err
	}
	return img, nil
}

// approved is that of a [TextStep].
func (s Step) approved(img image.Image, i int, err error) (image.Image, error) {
	if err == nil && s.Stage == s.Stages {
		err = s.p.approve(img, i, s.j.Seed+uint64(i))
	}
	if err != nil {
		return nil, err
	}
	return img, nil
}

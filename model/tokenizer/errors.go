package tokenizer

import "fmt"

// FileError says what is wrong with a file of a tokenizer.
type FileError struct {
	File, Detail string
	Err          error
}

// Error implements error.
func (e *FileError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("tokenizer: %s: %s: %v", e.File, e.Detail, e.Err)
	}
	return fmt.Sprintf("tokenizer: %s: %s", e.File, e.Detail)
}

// Unwrap implements errors.Unwrap.
func (e *FileError) Unwrap() error { return e.Err }

package tokenizer

import "fmt"

// FileError says what is wrong with a file of a tokenizer. All errors of [Open] are of this type.
type FileError struct {
	File   string // as opened
	Key    string // of a JSON object, or the line of merges.txt; "" for the whole file
	Wanted string
	Found  string
	Err    error // of the file system or of the JSON decoder, nil for others
}

// Error implements error.
func (e *FileError) Error() string {
	s := "tokenizer: " + e.File
	if e.Key != "" {
		s += ": " + e.Key
	}
	if e.Wanted != "" {
		s += ": wanted " + e.Wanted
		if e.Found != "" {
			s += ", found " + e.Found
		}
	} else if e.Found != "" {
		s += ": " + e.Found
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap implements errors.Unwrap.
func (e *FileError) Unwrap() error { return e.Err }

// quote shows what a file holds, however long.
func quote(s string) string { return fmt.Sprintf("%.40q", s) }

// show shortens JSON for a message.
func show(b []byte) string {
	if len(b) > 60 {
		return string(b[:60]) + "..."
	}
	return string(b)
}

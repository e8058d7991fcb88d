package singlefile

import (
	"bytes"
	"io"
	"os"
)

// refusePickle refuses the files that torch.save writes: a ZIP archive or, in old versions, the pickle itself.
// Anything else is left to the reader of safetensors.
func refusePickle(name string) error {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil // the reader says it better, and a pipe would wait
	}
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, 9)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil
	}
	pickled := b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 && b[8] != '{' // PROTO and its version; safetensors has a brace there
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) && !pickled {
		return nil
	}
	return &Error{File: name, Err: ErrPickle, Detail: "is a checkpoint of Python objects (pickle), which can run any program " +
		"when it is read: want a .safetensors file; most models are published as one too"}
}

package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// singleFileEndings are those of models in one file, also of the kinds that are refused with a reason.
var singleFileEndings = []string{".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin"}

// isSingleFile tells whether a name is that of a file, which is then a model in one file.
func isSingleFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular()
}

// openSingleFile opens a model in one file, with the tokenizer of the options or that beside the file.
func openSingleFile(name string, o Options) (*TextToImage, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir := o.Tokenizer
	if dir == "" {
		dir = filepath.Dir(name)
	}
	tokens, err := openModelFolder(dir)
	if err != nil {
		var e *OpenError
		if o.Tokenizer != "" && errors.As(err, &e) {
			e.Detail = "tokenizer: want a folder"
		}
		return nil, err
	}
	defer tokens.root.Close()
	sub, err := fs.Sub(tokens.root.FS(), tokens.dir)
	if err != nil {
		return nil, &OpenError{Path: dir, Err: err}
	}
	f, err := singlefile.Open(name, singlefile.Options{Variant: singlefile.Variant(o.Variant), Tokenizer: sub})
	if err != nil {
		return nil, &OpenError{Path: name, Err: err}
	}
	defer f.Close()
	base := filepath.Base(name)
	return openText(f, ".", name, strings.TrimSuffix(base, filepath.Ext(base)), o)
}

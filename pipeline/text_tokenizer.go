package pipeline

import (
	"fmt"
	"io/fs"
)

// openTokenizer opens the tokenizer of a folder.
var openTokenizer = func(fsys fs.FS, dir string) (tokenizer, error) {
	return nil, fmt.Errorf("%s: texts are not supported yet", dir)
}

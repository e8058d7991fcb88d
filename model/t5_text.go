package model

import (
	"errors"
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// T5Text is a T5 text encoder of version 1.1: transformers' T5EncoderModel, whose hidden
// states Stable Diffusion 3, FLUX and PixArt attend to. It holds the weights once, and is
// safe for concurrent use. Its graph takes TokenIDs and, as TokenIndex, the last token
// that is attended to.
type T5Text struct {
	network
	config T5TextConfig
}

// t5Parts are the folders that pipelines have the encoder in: of Stable Diffusion 3, of
// FLUX, and of PixArt. The first of them that there is counts.
var t5Parts = [...]string{"text_encoder_3", "text_encoder_2", "text_encoder"}

// OpenT5Text loads a text encoder from a folder with config.json and weights in
// safetensors format, or from a pipeline's folder that has them in text_encoder_3/, or
// else text_encoder_2/, or else text_encoder/. Errors are those of [OpenUNet2D].
func OpenT5Text(dir string) (*T5Text, error) {
	return inFolder(dir, OpenT5TextFS)
}

// OpenT5TextFS is [OpenT5Text] for a folder of a file system.
func OpenT5TextFS(fsys fs.FS, dir string) (*T5Text, error) {
	return openT5Text(fsys, dir, func(l loader) loader { return l })
}

// openT5Text opens an encoder whose weights are read by what wrap makes of the folder's loader.
func openT5Text(fsys fs.FS, dir string, wrap func(loader) loader) (*T5Text, error) {
	file, config, load, err := openT5Part(fsys, dir)
	if err != nil {
		return nil, err
	}
	c, err := parseT5TextConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildT5Text(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, 0, 0, wrap(load))
	if err != nil {
		return nil, err
	}
	return &T5Text{network: n, config: c}, nil
}

func openT5Part(fsys fs.FS, dir string) (file string, config []byte, load loader, err error) {
	for _, part := range t5Parts {
		file, config, load, err = openPart(fsys, dir, part, textWeightFiles)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return file, config, load, err
}

// ParseT5Text returns the graph that the config.json of a text encoder describes, without
// weights, as [ParseNetwork] does for U-Nets.
func ParseT5Text(file string, config []byte) (*Graph, error) {
	c, err := parseT5TextConfig(file, config)
	if err != nil {
		return nil, err
	}
	return buildT5Text(file, c)
}

// Config returns the configuration with defaults filled in.
func (t *T5Text) Config() T5TextConfig { return t.config }

// Weights returns the values of the parameters.
func (t *T5Text) Weights() *Weights { return t.weights }

// HiddenDim is the number of features of a token of the hidden states.
func (t *T5Text) HiddenDim() int { return t.config.HiddenSize }

// CompileTokens makes an executor for up to batch texts of a number of tokens. Its inputs
// are TokenIDs and TokenIndex, its output the hidden states. A nil pool runs on one
// thread. Errors are [*ShapeError].
func (t *T5Text) CompileTokens(batch, tokens int, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(t.graph, t.weights, batch, Size{1, 1, tokens}, pool)
}

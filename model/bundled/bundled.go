package bundled

import (
	"embed"
	"io/fs"
)

// Names of the models, that is of their folders in [FS].
const (
	// Fashion is the class-conditional model for any sampler, with or without guidance.
	Fashion = "fashion"
	// FashionLCM is its distilled student for the LCM sampler in 1 to 8 steps, without guidance.
	FashionLCM = "fashion_lcm"
)

// NoClass is the class index of the unconditional branch of both models: "no class".
const NoClass = 10

//go:embed fashion fashion_lcm
var files embed.FS

// FS returns the read-only file system of the bundled models. Its root holds one
// diffusers folder a model, [Fashion] and [FashionLCM], each with model_index.json,
// scheduler/scheduler_config.json, unet/config.json and
// unet/diffusion_pytorch_model.fp16.safetensors.
//
// The files it opens implement [io.ReaderAt] and [io.Seeker] and stay in the program's
// read-only data; opening one copies nothing. FS may be used by many goroutines.
func FS() fs.FS { return files }

// Classes returns the names of the classes of both models; the position of a name is its
// class index, 0 to 9, the label of the data set. The caller owns the slice.
func Classes() []string {
	return []string{
		"T-shirt", "Trouser", "Pullover", "Dress", "Coat",
		"Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
	}
}

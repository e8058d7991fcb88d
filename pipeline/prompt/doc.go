// Package prompt reads the notation of weighted prompts that A1111's stable-diffusion-webui made common,
// cuts the tokens of a long prompt into chunks that a text encoder takes, and applies weights to what the
// encoder makes of them.
//
//	pieces, err := prompt.Parse("a (red:1.3) [barn] BREAK at night")
//	chunks, err := prompt.Cut(tokens, pieces)
//	...                                   // each chunk's Tokens through the encoder
//	prompt.Emphasize(hidden, chunk.Weights)
//
// There are two ways to apply weights. [Emphasize] is A1111's, for Stable Diffusion 1, 2 and XL: z = w z, and the mean of
// a chunk's states is restored. [Lead] is ComfyUI's (comfy/sd1_clip.py, ClipTokenWeightEncoder), for the encoders of
// Stable Diffusion 3 and FLUX.1, T5 among them, whose states have a mean near 0: z = empty + w (z - empty), where empty
// is what the encoder makes of the empty text. It is not needed where all weights are 1, as [Plain] tells.
//
// The functions keep no state and are safe for concurrent use.
package prompt

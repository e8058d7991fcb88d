// Package prompt reads the notation of weighted prompts that A1111's stable-diffusion-webui made common,
// cuts the tokens of a long prompt into chunks that a text encoder takes, and applies weights to what the
// encoder makes of them.
//
//	pieces, err := prompt.Parse("a (red:1.3) [barn] BREAK at night")
//	chunks, err := prompt.Cut(tokens, pieces)
//	...                                   // each chunk's Tokens through the encoder
//	prompt.Emphasize(hidden, chunk.Weights)
//
// The functions keep no state and are safe for concurrent use.
package prompt

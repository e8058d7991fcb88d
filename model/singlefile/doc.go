// Package singlefile reads Stable Diffusion models that are one .safetensors file in the layout of the
// programs they were trained with (CompVis/stable-diffusion, Stability-AI/stablediffusion and
// Stability-AI/generative-models): 1.x, 2.x and XL.
//
// [Open] shows such a file as a folder in diffusers' format, an [fs.FS] of unet/, vae/, text_encoder/ and so
// on whose weights are views of the one file: tensors are renamed, and nothing is copied but the projection of
// an OpenCLIP text encoder, which is stored the other way round. The names are those that
// diffusers/loaders/single_file_utils.py gives (convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint,
// convert_ldm_clip_checkpoint, convert_open_clip_checkpoint).
//
// The file holds no configurations: those of the published models are built in, and [Infer] tells from names
// and shapes which it is. It holds no tokenizer either, which is to be given.
package singlefile

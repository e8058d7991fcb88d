// Package safetensors reads and writes safetensors files, the container in which
// diffusion models are published. It is made for files of unknown origin.
//
// A file is a little-endian uint64 n, n bytes of JSON, and the data:
//
//	{"__metadata__": {string: string},
//	 name: {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, ...}
//
// with offsets in bytes from the end of the JSON. The format and its rules are those of
// https://github.com/huggingface/safetensors (README, "Format"; the checks are in
// safetensors/src/tensor.rs, Metadata::validate and SafeTensors::read_metadata).
//
// # What is refused
//
// A file is checked as a whole when it is opened, before any tensor is read:
//
//   - header longer than 100 MB or than the file, or not a JSON object of valid UTF-8
//     that starts with the first byte and is followed by nothing but spaces;
//   - duplicate keys, unknown fields, half surrogates, metadata that is not strings;
//   - numbers with a sign, a fraction, an exponent or a leading zero, or out of range;
//   - shapes whose product overflows (a dimension of 0 does not excuse the others), or
//     of more than 16 dimensions; more than 2^18 tensors; element types other than the
//     constants of [DType];
//   - ranges that do not fit the shape, leave the data, overlap or leave gaps: the
//     tensors must cover the data exactly once.
//
// No allocation follows a number that has not been held against the size of the file.
// Opening takes memory in proportion to the header; reading a tensor takes at most
// eight times its bytes (BOOL or I8 as int64).
//
// # Errors
//
// Every failure is an [*Error], sorted by [ErrFormat], [ErrMissing], [ErrDType] and
// [ErrShape]; failures of the file system keep their own identity, such as
// fs.ErrPermission.
package safetensors

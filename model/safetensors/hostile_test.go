package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// raw is a file with the given header text and n bytes of data.
func raw(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// claim is a file that claims a header of n bytes.
func claim(n uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
}

// entry is a header with one tensor "w".
func entry(fields string) string { return `{"w":{` + fields + `}}` }

// f32x2 is the beginning of a correct entry of 8 bytes.
const f32x2 = `"dtype":"F32","shape":[2],"data_offsets":[0,8]`

// with is a header with one F32 tensor of the given shape and offsets.
func with(shape, offsets string) string {
	return entry(`"dtype":"F32","shape":` + shape + `,"data_offsets":` + offsets)
}

// pair is a header with two tensors of 4 bytes at the given offsets.
func pair(a, b string) string {
	return `{"a":{"dtype":"F32","shape":[1],"data_offsets":` + a +
		`},"b":{"dtype":"F32","shape":[1],"data_offsets":` + b + `}}`
}

type hostile struct {
	name string
	file []byte
	want string // part of the message
	is   error
}

// hostileFiles are files that must be refused.
var hostileFiles = []hostile{
	// The frame.
	{"empty file", nil, "0 bytes are too short", ErrFormat},
	{"seven bytes", make([]byte, 7), "7 bytes are too short", ErrFormat},
	{"length alone", claim(2, ""), "8 bytes are too short", ErrFormat},
	{"header of no bytes", claim(0, "{}"), "header length is 0", ErrFormat},
	{"header of one byte", claim(1, "{}"), "header length is 1", ErrFormat},
	{"header longer than the file", claim(3, "{}"), "only 2 bytes follow", ErrFormat},
	{"header over the limit", claim(maxHeader+1, "{}"), "allowed are 100000000", ErrFormat},
	{"header at the limit, short file", claim(maxHeader, "{}"), "only 2 bytes follow", ErrFormat},
	{"header length over int64", claim(1<<63, "{}"), "allowed are 100000000", ErrFormat},
	{"header length all ones", claim(1<<64-1, "{}"), "allowed are 100000000", ErrFormat},
	{"big endian length", append([]byte{0, 0, 0, 0, 0, 0, 0, 2}, "{}"...),
		"allowed are", ErrFormat},
	{"starts with a space", raw(" {}", 0), "header starts with \" \"", ErrFormat},
	{"byte order mark", raw("\ufeff{}", 0), "wanted '{'", ErrFormat},
	{"an array", raw("[]", 0), "wanted '{'", ErrFormat},
	{"HTML page", []byte("<!DOCTYPE html><html></html>"), "allowed are", ErrFormat},
	{"git-lfs pointer", []byte("version https://git-lfs.github.com/spec/v1\n"),
		"allowed are", ErrFormat},
	{"broken UTF-8 name", raw("{\"w\xff\":{"+f32x2+"}}", 8), "not valid UTF-8", ErrFormat},
	{"overlong UTF-8", raw("{\"w\xc0\xaf\":{"+f32x2+"}}", 8), "not valid UTF-8", ErrFormat},
	{"surrogate in UTF-8", raw("{\"w\xed\xa0\x80\":{"+f32x2+"}}", 8), "not valid UTF-8", ErrFormat},
	{"text after the header", raw("{}x", 0), "nothing but spaces", ErrFormat},
	{"newline after the header", raw("{}\n", 0), "nothing but spaces", ErrFormat},
	{"NUL padding", raw("{}\x00\x00", 0), "nothing but spaces", ErrFormat},
	{"second object", raw("{}{}", 0), "nothing but spaces", ErrFormat},
	// JSON.
	{"unclosed", raw(`{"w":{`+f32x2+`}`, 8), "wanted ',' or '}', found the end", ErrFormat},
	{"trailing comma", raw(`{"w":{`+f32x2+`},}`, 8), "wanted a string, found '}'", ErrFormat},
	{"no comma", raw(`{"a":{`+f32x2+`}"b":{`+f32x2+`}}`, 8), "wanted ',' or '}'", ErrFormat},
	{"unquoted key", raw(`{w:{`+f32x2+`}}`, 8), "wanted a string, found 'w'", ErrFormat},
	{"single quotes", raw(`{'w':1}`, 8), "wanted a string", ErrFormat},
	{"comment", raw(`{/**/}`, 0), "wanted a string, found '/'", ErrFormat},
	{"unclosed string", raw(`{"w`, 0), "wanted the closing '\"'", ErrFormat},
	{"control character", raw("{\"w\n\":{"+f32x2+"}}", 8), "control character", ErrFormat},
	{"unknown escape", raw(`{"\x77":{`+f32x2+`}}`, 8), "after a backslash", ErrFormat},
	{"short escape", raw(`{"\u00e":{`+f32x2+`}}`, 8), "hexadecimal digit", ErrFormat},
	{"cut escape", raw(`{"\u00`, 0), "hexadecimal digit, found the end", ErrFormat},
	{"ends in a backslash", raw(`{"w\`, 0), "an escaped character, found the end", ErrFormat},
	{"half a surrogate", raw(`{"\ud800":{`+f32x2+`}}`, 8), "surrogate pair", ErrFormat},
	{"two high surrogates", raw(`{"\ud800\ud800":{`+f32x2+`}}`, 8), "surrogate pair", ErrFormat},
	{"low surrogate first", raw(`{"\udc00\ud800":{`+f32x2+`}}`, 8), "surrogate pair", ErrFormat},
	{"deep nesting", raw(strings.Repeat(`{"a":`, 10000), 0), "unknown field", ErrFormat},
	{"deep list", raw(`{"w":{"shape":`+strings.Repeat("[", 10000), 0),
		"wanted an unsigned integer", ErrFormat},
	// Keys.
	{"tensor twice", raw(`{"w":{`+f32x2+`},"w":{`+f32x2+`}}`, 8), `duplicate key "w"`, ErrFormat},
	{"tensor twice, one escaped", raw(`{"w":{`+f32x2+`},"\u0077":{`+f32x2+`}}`, 8),
		`duplicate key "w"`, ErrFormat},
	{"field twice", raw(entry(f32x2+`,"dtype":"F32"`), 8), `duplicate key "dtype"`, ErrFormat},
	{"unknown field", raw(entry(f32x2+`,"strides":[1]`), 8), `unknown field "strides"`, ErrFormat},
	{"field in capitals", raw(entry(`"DType":"F32","shape":[2],"data_offsets":[0,8]`), 8),
		`unknown field "DType"`, ErrFormat},
	{"no dtype", raw(entry(`"shape":[2],"data_offsets":[0,8]`), 8), "dtype is missing", ErrFormat},
	{"no shape", raw(entry(`"dtype":"F32","data_offsets":[0,8]`), 8),
		"shape is missing", ErrFormat},
	{"no offsets", raw(entry(`"dtype":"F32","shape":[2]`), 8),
		"data_offsets is missing", ErrFormat},
	{"tensor is null", raw(`{"w":null}`, 0), `tensor "w": JSON byte 5: wanted '{'`, ErrFormat},
	{"metadata is null", raw(`{"__metadata__":null}`, 0), "wanted '{'", ErrFormat},
	{"metadata number", raw(`{"__metadata__":{"a":1}}`, 0),
		"wanted a string, found '1'", ErrFormat},
	{"metadata object", raw(`{"__metadata__":{"a":{}}}`, 0),
		"wanted a string, found '{'", ErrFormat},
	{"metadata twice", raw(`{"__metadata__":{},"__metadata__":{}}`, 0), "duplicate key", ErrFormat},
	{"metadata key twice", raw(`{"__metadata__":{"a":"","a":""}}`, 0),
		`duplicate key "a"`, ErrFormat},
	// Types.
	{"dtype is a number", raw(entry(`"dtype":1,"shape":[],"data_offsets":[0,4]`), 4),
		"wanted a string", ErrFormat},
	{"8 bit float", raw(entry(`"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]`), 2),
		`dtype "F8_E4M3" is not supported`, ErrDType},
	{"lower case type", raw(entry(`"dtype":"f32","shape":[2],"data_offsets":[0,8]`), 8),
		`dtype "f32" is not supported`, ErrDType},
	{"no type", raw(entry(`"dtype":"","shape":[2],"data_offsets":[0,8]`), 8),
		`dtype "" is not`, ErrDType},
	{"long type", raw(entry(`"dtype":"`+strings.Repeat("F", 1<<20)+`","shape":[2],"data_offsets":[0,8]`), 8),
		`F"... is not supported`, ErrDType},
	// Numbers.
	{"exponent", raw(with("[2e0]", "[0,8]"), 8),
		"wanted an unsigned integer in plain digits, found 'e'", ErrFormat},
	{"capital exponent", raw(with("[2E0]", "[0,8]"), 8), "plain digits, found 'E'", ErrFormat},
	{"fraction", raw(with("[2.0]", "[0,8]"), 8), "plain digits, found '.'", ErrFormat},
	{"negative", raw(with("[-2]", "[0,8]"), 8), "plain digits, found '-'", ErrFormat},
	{"minus zero", raw(with("[-0]", "[0,0]"), 0), "plain digits, found '-'", ErrFormat},
	{"plus", raw(with("[+2]", "[0,8]"), 8), "plain digits, found '+'", ErrFormat},
	{"leading zero", raw(with("[02]", "[0,8]"), 8), "found a leading zero", ErrFormat},
	{"hexadecimal", raw(with("[0x2]", "[0,8]"), 8), "wanted ',' or ']', found 'x'", ErrFormat},
	{"string for a number", raw(with(`["2"]`, "[0,8]"), 8), "plain digits", ErrFormat},
	{"empty list place", raw(with(`[2,]`, "[0,8]"), 8), "plain digits, found ']'", ErrFormat},
	{"over int64", raw(with("[9223372036854775808]", "[0,8]"), 8), "exceeds ", ErrFormat},
	{"over uint64", raw(with("[18446744073709551617]", "[0,4]"), 4), "exceeds ", ErrFormat},
	{"long number", raw(with("["+strings.Repeat("9", 1<<20)+"]", "[0,8]"), 8),
		"the number exceeds", ErrFormat},
	{"shape is a number", raw(with("2", "[0,8]"), 8), "wanted '['", ErrFormat},
	{"shape is nested", raw(with("[[2]]", "[0,8]"), 8), "wanted an unsigned integer", ErrFormat},
	{"product wraps to 0", raw(with("[4294967296,4294967296]", "[0,0]"), 0),
		"overflows", ErrFormat},
	{"bytes wrap to 0", raw(with("[4611686018427387904]", "[0,0]"), 0), "overflows", ErrFormat},
	{"product wraps to 2", raw(with("[2,9223372036854775809]", "[0,8]"), 8), "exceeds", ErrFormat},
	{"zero hides overflow", raw(with("[0,4294967296,4294967296]", "[0,0]"), 0),
		"overflows", ErrFormat},
	{"rank 17", raw(with("[1"+strings.Repeat(",1", 16)+"]", "[0,4]"), 4),
		"more than 16 numbers", ErrFormat},
	// Ranges.
	{"one offset", raw(with("[2]", "[8]"), 8), "data_offsets has 1 numbers, wanted 2", ErrFormat},
	{"three offsets", raw(with("[2]", "[0,8,8]"), 8), "more than 2 numbers", ErrFormat},
	{"no offset", raw(with("[2]", "[]"), 8), "data_offsets has 0 numbers", ErrFormat},
	{"backwards", raw(with("[2]", "[8,0]"), 8), "run backwards", ErrFormat},
	{"past the data", raw(with("[2]", "[0,8]"), 7), "leave the data of 7 bytes", ErrFormat},
	{"far past the data", raw(with("[2]", "[9223372036854775799,9223372036854775807]"), 8),
		"leave the data", ErrFormat},
	{"huge and consistent", raw(with("[1099511627776]", "[0,4398046511104]"), 8),
		"leave the data", ErrFormat},
	{"range too short", raw(with("[3]", "[0,8]"), 8),
		"hold 8 bytes, wanted 12 for F32 [3]", ErrFormat},
	{"range too long", raw(with("[1]", "[0,8]"), 8),
		"hold 8 bytes, wanted 4 for F32 [1]", ErrFormat},
	{"scalar of no bytes", raw(with("[]", "[0,0]"), 0),
		"hold 0 bytes, wanted 4 for F32 []", ErrFormat},
	{"empty with bytes", raw(with("[0]", "[0,4]"), 4), "hold 4 bytes, wanted 0", ErrFormat},
	{"gap first", raw(with("[1]", "[4,8]"), 8), "leaves a gap from 0", ErrFormat},
	{"gap between", raw(pair("[0,4]", "[8,12]"), 12),
		`tensor "b": starts at data byte 8 and leaves a gap`, ErrFormat},
	{"gap last", raw(with("[1]", "[0,4]"), 8), "end at data byte 4, but 8 bytes", ErrFormat},
	{"overlap", raw(pair("[0,4]", "[2,6]"), 6),
		`tensor "b": starts at data byte 2 and overlaps`, ErrFormat},
	{"same range", raw(pair("[0,4]", "[0,4]"), 4), "overlaps what ends at 4", ErrFormat},
	{"empty inside another", raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[2,2]},`+
		`"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `tensor "a": starts`, ErrFormat},
	{"data without tensors", raw("{}", 1), "but 1 bytes of data follow", ErrFormat},
}

func TestHostileFiles(t *testing.T) {
	for _, c := range hostileFiles {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse(bytes.NewReader(c.file), int64(len(c.file)), "bad.safetensors")
			require.Nil(t, f)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "safetensors: bad.safetensors: ")
			require.Less(t, len(err.Error()), 500, "a message must not carry the file along")
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "bad.safetensors", e.File)
		})
	}
}

// TestTightFiles are the nearest neighbours of hostile files that are right.
func TestTightFiles(t *testing.T) {
	for name, file := range map[string][]byte{
		"no tensors":         raw("{}", 0),
		"padded":             raw("{}      ", 0),
		"white space inside": raw("{ \n\t\r\"w\" : { "+f32x2+" } } ", 8),
		"other field order":  raw(entry(`"data_offsets":[0,8],"shape":[2],"dtype":"F32"`), 8),
		"not in order":       raw(pair("[4,8]", "[0,4]"), 8),
		"rank 16":            raw(with("[1"+strings.Repeat(",1", 15)+"]", "[0,4]"), 4),
		"empty name":         raw(`{"":{`+f32x2+`}}`, 8),
		"only metadata":      raw(`{"__metadata__":{"a":"b"}}`, 0),
		"huge but empty":     raw(with("[0,268435456]", "[0,0]"), 0),
		"empty at both ends": raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[4,4]},`+
			`"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},`+
			`"c":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 4),
	} {
		_, err := Parse(bytes.NewReader(file), int64(len(file)), name)
		require.NoError(t, err, name)
	}
}

// TestTensorLimit is at and past the limit; metadata does not count.
func TestTensorLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"__metadata__":{}`)
	for i := range maxTensors {
		fmt.Fprintf(&b, `,"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	full := raw(b.String()+"}", 0)
	_, err := Parse(bytes.NewReader(full), int64(len(full)), "f")
	require.NoError(t, err)
	over := strings.Replace(b.String(), `"__metadata__":{}`,
		`"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, 1)
	file := raw(over+"}", 0)
	_, err = Parse(bytes.NewReader(file), int64(len(file)), "f")
	require.ErrorContains(t, err, "more than 262144 tensors")
}

func TestEscapedNames(t *testing.T) {
	file := raw(`{"\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00\u0000é":{`+f32x2+`}}`, 8)
	f, err := Parse(bytes.NewReader(file), int64(len(file)), "f")
	require.NoError(t, err)
	require.Equal(t, "\"\\/\b\f\n\r\té😀\x00é", f.Tensors()[0].Name)
}

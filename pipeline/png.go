package pipeline

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"strings"
	"unicode/utf8"
)

// parametersKey is the PNG text keyword that A1111's programs use.
const parametersKey = "parameters"

var pngSignature = []byte("\x89PNG\r\n\x1a\n")

// ErrNoParameters is returned for a PNG without the text.
var ErrNoParameters = errors.New("the PNG has no parameters")

// WritePNG writes img as a PNG with text under the keyword "parameters" (a tEXt chunk, or iTXt when text is
// not ASCII). The text must be UTF-8 without NUL, at most 1 MiB, or [ReadParameters] could not return it.
func WritePNG(w io.Writer, img image.Image, text string) error {
	if len(text) > maxParameters || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return &RequestError{Field: "text", Value: fmt.Sprintf("%.40q of %d bytes", text, len(text)),
			Want: fmt.Sprintf("UTF-8 without NUL, at most %d bytes", maxParameters)}
	}
	var buf bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&buf, img); err != nil {
		return err
	}
	b := buf.Bytes()
	const head = 8 + 25 // signature and IHDR; text goes before the image data
	if len(b) < head {
		return io.ErrUnexpectedEOF
	}
	for _, part := range [][]byte{b[:head], textChunk(text), b[head:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func textChunk(text string) []byte {
	kind, data := "tEXt", append([]byte(parametersKey), 0)
	for _, r := range text {
		if r >= utf8.RuneSelf {
			kind, data = "iTXt", append(data, 0, 0, 0, 0) // not compressed, no language, no translation
			break
		}
	}
	data = append(data, text...)
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// ReadParameters returns the text under "parameters" of a PNG: tEXt, zTXt or iTXt. The image itself is not
// decoded.
func ReadParameters(r io.Reader) (string, error) {
	sig := make([]byte, len(pngSignature))
	if _, err := io.ReadFull(r, sig); err != nil || !bytes.Equal(sig, pngSignature) {
		return "", errors.New("not a PNG file")
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return "", ErrNoParameters
		}
		size, kind := int64(binary.BigEndian.Uint32(head[:4])), string(head[4:])
		switch kind {
		case "IEND":
			return "", ErrNoParameters
		case "tEXt", "zTXt", "iTXt":
		default:
			if _, err := io.CopyN(io.Discard, r, size+4); err != nil {
				return "", ErrNoParameters
			}
			continue
		}
		if size > maxParameters {
			if err := skipText(r, size); err != nil {
				return "", err
			}
			continue
		}
		data := make([]byte, size+4)
		if _, err := io.ReadFull(r, data); err != nil {
			return "", fmt.Errorf("the PNG is cut off: %w", err)
		}
		body := data[:size]
		if binary.BigEndian.Uint32(data[size:]) != crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, body) {
			return "", errors.New("the PNG's text is damaged: checksum differs")
		}
		if text, ok, err := chunkText(kind, body); ok || err != nil {
			return text, err
		}
	}
}

// skipText skips a text that is too long to be ours; under our keyword it is an error.
func skipText(r io.Reader, size int64) error {
	key := make([]byte, len(parametersKey)+1)
	if _, err := io.ReadFull(r, key); err != nil {
		return ErrNoParameters
	}
	if string(key) == parametersKey+"\x00" {
		return fmt.Errorf("a text of %d bytes in the PNG: want at most %d", size, maxParameters)
	}
	if _, err := io.CopyN(io.Discard, r, size+4-int64(len(key))); err != nil {
		return ErrNoParameters
	}
	return nil
}

// chunkText returns the text of a chunk whose keyword is "parameters".
func chunkText(kind string, body []byte) (text string, ok bool, err error) {
	rest, ok := bytes.CutPrefix(body, append([]byte(parametersKey), 0))
	if !ok {
		return "", false, nil
	}
	bad := errors.New("the PNG's text chunk is not well formed")
	packed := false
	switch kind {
	case "zTXt":
		if len(rest) < 1 || rest[0] != 0 {
			return "", false, bad
		}
		rest, packed = rest[1:], true
	case "iTXt":
		if len(rest) < 2 {
			return "", false, bad
		}
		packed, rest = rest[0] == 1, rest[2:]
		for range 2 { // language, translated keyword
			_, after, found := bytes.Cut(rest, []byte{0})
			if !found {
				return "", false, bad
			}
			rest = after
		}
	}
	if packed {
		z, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			return "", false, bad
		}
		rest, err = io.ReadAll(io.LimitReader(z, maxParameters+1))
		if err != nil || len(rest) > maxParameters {
			return "", false, bad
		}
	}
	return string(rest), true, nil
}

package pipeline_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// picture is a small image with every pixel different.
func picture(grey bool) image.Image {
	if grey {
		img := image.NewGray(image.Rect(0, 0, 5, 3))
		for i := range img.Pix {
			img.Pix[i] = uint8(17 * i)
		}
		return img
	}
	img := image.NewNRGBA(image.Rect(0, 0, 5, 3))
	for i := range 15 {
		img.SetNRGBA(i%5, i/5, color.NRGBA{R: uint8(i), G: uint8(2 * i), B: uint8(3 * i), A: 255})
	}
	return img
}

func encode(t testing.TB, img image.Image, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, pipeline.WritePNG(&b, img, text))
	return b.Bytes()
}

// TestPNG: the text comes back, in the chunk that fits it, and Go's own reader sees the same image.
func TestPNG(t *testing.T) {
	for text, chunk := range map[string]string{
		"class 1\nSteps: 20, Seed: 1":   "tEXtparameters\x00class",
		"":                              "tEXtparameters\x00",
		"Model: füß ∆":                  "iTXtparameters\x00\x00\x00\x00\x00Model",
		strings.Repeat("long ", 200000): "tEXtparameters\x00long",
	} {
		for _, grey := range []bool{true, false} {
			b := encode(t, picture(grey), text)
			require.Contains(t, string(b), chunk)
			got, err := pipeline.ReadParameters(bytes.NewReader(b))
			require.NoError(t, err)
			require.Equal(t, text, got)
			got, err = pipeline.ReadParameters(iotest.OneByteReader(bytes.NewReader(b)))
			require.NoError(t, err)
			require.Equal(t, text, got)
			img, err := png.Decode(bytes.NewReader(b)) // checks the checksum of every chunk
			require.NoError(t, err)
			for i := range 15 {
				require.Equal(t, color.NRGBAModel.Convert(picture(grey).At(i%5, i/5)),
					color.NRGBAModel.Convert(img.At(i%5, i/5)))
			}
		}
	}
	for _, bad := range []string{"a\x00b", "\xff", strings.Repeat("x", 1<<20+1)} {
		var e *pipeline.RequestError
		require.ErrorAs(t, pipeline.WritePNG(io.Discard, picture(true), bad), &e)
	}
}

// failingWriter fails once n bytes are written.
type failingWriter struct{ n int }

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// TestPNGWriteErrors: a failing writer's error comes back from wherever it fails.
func TestPNGWriteErrors(t *testing.T) {
	size := len(encode(t, picture(true), "Steps: 1"))
	for n := range size {
		require.ErrorIs(t, pipeline.WritePNG(&failingWriter{n}, picture(true), "Steps: 1"), io.ErrShortWrite)
	}
	require.NoError(t, pipeline.WritePNG(&failingWriter{size}, picture(true), "Steps: 1"))
}

// chunk makes a PNG chunk.
func chunk(kind, data string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, kind+data...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:])))
}

// withChunks is a PNG whose image data follows the given chunks.
func withChunks(t testing.TB, chunks ...string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, picture(true)))
	const head = 8 + 25
	return b.String()[:head] + strings.Join(chunks, "") + b.String()[head:]
}

func deflate(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, s)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// TestReadParameters: the three kinds of text, packed or not, beside others, and what is wrong with some.
func TestReadParameters(t *testing.T) {
	const big = 1<<20 + 1
	ours := chunk("tEXt", "parameters\x00Steps: 1")
	good := map[string]string{
		"tEXt":             withChunks(t, ours),
		"zTXt":             withChunks(t, chunk("zTXt", "parameters\x00\x00"+deflate(t, "Steps: 1"))),
		"iTXt":             withChunks(t, chunk("iTXt", "parameters\x00\x00\x00en\x00x\x00Steps: 1")),
		"packed iTXt":      withChunks(t, chunk("iTXt", "parameters\x00\x01\x00\x00\x00"+deflate(t, "Steps: 1"))),
		"after other text": withChunks(t, chunk("tEXt", "Comment\x00parameters"), chunk("gAMA", "\x00\x00\x00\x00"), ours),
		"after long text":  withChunks(t, chunk("iTXt", "XML:com.adobe.xmp\x00"+strings.Repeat(" ", big)), ours),
	}
	for name, file := range good {
		text, err := pipeline.ReadParameters(strings.NewReader(file))
		require.NoError(t, err, name)
		require.Equal(t, "Steps: 1", text, name)
	}
	damaged := []byte(withChunks(t, ours))
	damaged[bytes.Index(damaged, []byte("Steps"))] ^= 1
	for want, file := range map[string]string{
		"not a PNG file":           "GIF89a",
		"the PNG has no parameter": withChunks(t),
		"checksum differs":         string(damaged),
		"cut off":                  withChunks(t, ours)[:50],
		"want at most 1048576":     withChunks(t, chunk("tEXt", "parameters\x00"+strings.Repeat("x", big))),
		"not well formed":          withChunks(t, chunk("zTXt", "parameters\x00\x00"+deflate(t, strings.Repeat("x", big)))),
	} {
		_, err := pipeline.ReadParameters(strings.NewReader(file))
		require.ErrorContains(t, err, want)
	}
	for _, bad := range []string{"zTXt\x00", "zTXt", "zTXt\x01x", "zTXt\x00junk", "iTXt", "iTXt\x00", "iTXt\x00\x00", "iTXt\x00\x00\x00",
		"iTXt\x01\x00\x00\x00junk"} {
		_, err := pipeline.ReadParameters(strings.NewReader(withChunks(t, chunk(bad[:4], "parameters\x00"+bad[4:]))))
		require.ErrorContains(t, err, "not well formed", "%q", bad)
	}
	whole := withChunks(t, ours)
	for n := range strings.Index(whole, "IDAT") {
		_, err := pipeline.ReadParameters(strings.NewReader(whole[:n]))
		if n < strings.Index(whole, "Steps: 1")+8+4 {
			require.Error(t, err, n)
		}
	}
	_, err := pipeline.ReadParameters(strings.NewReader(""))
	require.ErrorContains(t, err, "not a PNG")
	_, err = pipeline.ReadParameters(strings.NewReader(withChunks(t)))
	require.ErrorIs(t, err, pipeline.ErrNoParameters)
}

// FuzzReadParameters: no file panics or gives more than the limit.
func FuzzReadParameters(f *testing.F) {
	f.Add(encode(f, picture(true), "Steps: 1"))
	f.Add(encode(f, picture(false), "Modèle: ∆"))
	f.Add([]byte(withChunks(f, chunk("zTXt", "parameters\x00\x00"+deflate(f, "Steps: 1")))))
	f.Add([]byte(withChunks(f, chunk("iTXt", "parameters\x00\x01\x00\x00\x00"+deflate(f, "Steps: 1")))))
	f.Add([]byte("\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := pipeline.ReadParameters(bytes.NewReader(b))
		if err != nil {
			require.Empty(t, text)
			return
		}
		require.LessOrEqual(t, len(text), 1<<20)
	})
}

package main

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

func picture(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		img.SetNRGBA(i%w, i/w, color.NRGBA{uint8(i), uint8(2 * i), 7, 255})
	}
	return img
}

// TestPreviewBlocks: the bytes of a first and of a second picture, of an odd number of rows.
func TestPreviewBlocks(t *testing.T) {
	var b bytes.Buffer
	p := &terminalPreview{w: &b}
	require.NoError(t, p.draw(picture(2, 3)))
	const lines = "\x1b[38;2;0;0;7m\x1b[48;2;2;4;7m▀\x1b[38;2;1;2;7m\x1b[48;2;3;6;7m▀\x1b[0m\x1b[K\n" +
		"\x1b[38;2;4;8;7m\x1b[49m▀\x1b[38;2;5;10;7m\x1b[49m▀\x1b[0m\x1b[K\n"
	require.Equal(t, "\r\x1b[K\n\n\r\x1b[2A"+lines, b.String())
	b.Reset()
	require.NoError(t, p.draw(picture(2, 3)))
	require.Equal(t, "\r\x1b[2A"+lines, b.String())
	b.Reset()
	require.NoError(t, p.draw(image.NewNRGBA(image.Rectangle{})))
	require.Empty(t, b.String())
}

// TestPreviewKitty: the bytes of a picture, and that a large one comes in pieces that make up its pixels.
func TestPreviewKitty(t *testing.T) {
	var b bytes.Buffer
	p := &terminalPreview{w: &b, kitty: true, id: 3}
	require.NoError(t, p.draw(picture(2, 1)))
	require.Equal(t, "\r\x1b[K"+strings.Repeat("\n", 16)+"\r\x1b[16A"+
		"\x1b_Ga=T,f=24,s=2,v=1,i=3,p=1,c=64,r=16,C=1,q=2,m=0;AAAHAQIH\x1b\\\x1b[16B\r", b.String())
	b.Reset()
	img := picture(64, 32)
	p = &terminalPreview{w: &b, kitty: true, id: 3}
	require.NoError(t, p.draw(img))
	var data string
	pieces := regexp.MustCompile("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\").FindAllStringSubmatch(b.String(), -1)
	require.Len(t, pieces, 2)
	require.True(t, strings.HasSuffix(pieces[0][1], ",m=1"), pieces[0][1])
	require.Equal(t, "q=2,m=0", pieces[1][1])
	for _, m := range pieces {
		require.LessOrEqual(t, len(m[2]), 4096)
		require.Zero(t, len(m[2])%4)
		data += m[2]
	}
	pix, err := base64.StdEncoding.DecodeString(data)
	require.NoError(t, err)
	require.Len(t, pix, 3*64*32)
	require.Equal(t, []byte{img.Pix[400], img.Pix[401], img.Pix[402]}, pix[300:303])
}

// TestPreviewSize: proportions are kept within the cells, and what is shrunk is the mean.
func TestPreviewSize(t *testing.T) {
	for size, want := range map[image.Point]image.Point{
		{X: 64, Y: 64}: {X: 40, Y: 20}, {X: 1024, Y: 1}: {X: 64, Y: 1}, {X: 1, Y: 1024}: {X: 1, Y: 20}, {X: 8, Y: 8}: {X: 8, Y: 4},
		{X: 128, Y: 64}: {X: 64, Y: 16}} {
		require.Equal(t, want, fitCells(size, true), size)
	}
	require.Equal(t, image.Pt(40, 20), fitCells(image.Pt(8, 8), false))
	img := image.NewNRGBA(image.Rect(5, 5, 9, 7))
	for i, v := range []uint8{10, 20, 100, 200, 30, 40, 50, 50} {
		img.SetNRGBA(5+i%4, 5+i/4, color.NRGBA{v, 0, 0, 255})
	}
	got := shrink(img, 2, 1)
	require.Equal(t, color.NRGBA{25, 0, 0, 255}, got.NRGBAAt(0, 0))
	require.Equal(t, color.NRGBA{100, 0, 0, 255}, got.NRGBAAt(1, 0))
}

// TestHasKitty: by the environment, but not in a multiplexer.
func TestHasKitty(t *testing.T) {
	for _, x := range []struct {
		term, window string
		want         bool
	}{{"xterm-kitty", "", true}, {"xterm-256color", "1", true}, {"xterm-256color", "", false}, {"tmux-256color", "1", false},
		{"screen", "1", false}, {"", "", false}} {
		env := map[string]string{"TERM": x.term, "KITTY_WINDOW_ID": x.window}
		require.Equal(t, x.want, hasKitty(func(k string) string { return env[k] }), x)
	}
}

// TestPreviewSteps: while sampling, a terminal is drawn to and nothing else is; a model without cheap previews is
// drawn without them.
func TestPreviewSteps(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("KITTY_WINDOW_ID", "")
	p, err := pipeline.OpenText(textModels+"/sd15", pipeline.Options{Threads: 2})
	require.NoError(t, err)
	defer p.Close()
	for _, terminal := range []bool{true, false} {
		var b bytes.Buffer
		a := &app{ctx: t.Context(), stderr: &b, log: slog.New(slog.NewTextHandler(&b, nil))}
		show := decodeFlags{Preview: true}.preview(a, &progress{terminal: terminal}, 0)
		_, err = p.GenerateFunc(t.Context(), pipeline.TextRequest{Prompt: "a cat", Steps: 2}, show)
		require.NoError(t, err)
		require.Equal(t, terminal, strings.Count(b.String(), "▀") >= 2*8*4, "8x8 latents, first and last step")
		require.Equal(t, terminal, b.Len() > 0)
	}
}

// TestDecodeFlags: on the command line; and flags that say nothing without others.
func TestDecodeFlags(t *testing.T) {
	dir := t.TempDir()
	model := textModels + "/sd15"
	for i, args := range [][]string{{}, {"--vae-tiling"}, {"--vae-tiling", "--vae-tile-size", "8", "--preview", "--preview-model", "../../model/testdata/vae_tiny"}} {
		args = append(args, "--prompt", "a cat", "--steps", "2", "--width", "40", "-o", dir+"/"+string(rune('a'+i))+".png")
		drawText(t, model, args...)
	}
	var same [3][]byte
	for i := range same {
		same[i] = pixelsOf(t, dir+"/"+string(rune('a'+i))+".png")
	}
	require.NotEqual(t, same[0], same[1])
	require.NotEqual(t, same[1], same[2])
	for want, args := range map[string][]string{
		"--vae-tile-size: want --vae-tiling": {"--model", model, "--vae-tile-size", "8"},
		"--preview-model: want --preview":    {"--model", model, "--preview-model", "x"},
		"want a multiple of 8":               {"--model", model, "--vae-tiling", "--vae-tile-size", "9"},
		"--vae-tiling: want a text-to-image": {"--vae-tiling"},
		"--preview: want a text-to-image":    {"--preview"},
	} {
		var stdout, stderr bytes.Buffer
		args = append([]string{"sample", "-o", dir + "/x.png"}, args...)
		if args[3] == "--model" {
			args = append(args, "--prompt", "x")
		}
		require.Equal(t, exitUsage, run(t.Context(), args, &stdout, &stderr), want)
		require.Contains(t, stderr.String(), want)
	}
}

// pixelsOf are the pixels of a file.
func pixelsOf(t *testing.T, file string) []byte {
	t.Helper()
	img, err := readImage("test", file)
	require.NoError(t, err)
	var out []byte
	for i := range img.Bounds().Dx() * img.Bounds().Dy() {
		r, g, b, _ := img.At(i%img.Bounds().Dx(), i/img.Bounds().Dx()).RGBA()
		out = append(out, byte(r>>8), byte(g>>8), byte(b>>8))
	}
	return out
}

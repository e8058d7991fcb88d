package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
	"strings"
)

// A preview takes at most so many cells of the terminal, which leaves the line of the progress in one of 24 lines.
// A cell is about twice as high as wide.
const (
	previewColumns = 64
	previewRows    = 20
)

// terminalPreview draws a picture above the line of a progress, over the last one. Pictures of one preview have one
// size.
type terminalPreview struct {
	w     io.Writer
	kitty bool // the terminal has the graphics protocol of kitty; half blocks in 24-bit colors otherwise
	id    int  // of the picture in kitty
	rows  int  // that it takes, 0 before the first
}

// hasKitty tells by the environment whether a terminal draws pictures by kitty's protocol. Multiplexers do not pass it
// on.
func hasKitty(getenv func(string) string) bool {
	term := getenv("TERM")
	if strings.HasPrefix(term, "screen") || strings.HasPrefix(term, "tmux") {
		return false
	}
	return term == "xterm-kitty" || getenv("KITTY_WINDOW_ID") != ""
}

func newTerminalPreview(w io.Writer, id int) *terminalPreview {
	return &terminalPreview{w: w, kitty: hasKitty(os.Getenv), id: id}
}

// draw shows a picture.
func (p *terminalPreview) draw(img image.Image) error {
	size := img.Bounds().Size()
	if size.X < 1 || size.Y < 1 {
		return nil
	}
	var b bytes.Buffer
	cells := fitCells(size, !p.kitty)
	if p.rows == 0 { // room above the line of the progress
		b.WriteString("\r\x1b[K" + strings.Repeat("\n", cells.Y))
		p.rows = cells.Y
	}
	fmt.Fprintf(&b, "\r\x1b[%dA", p.rows)
	if p.kitty {
		writeKitty(&b, img, p.id, cells)
		fmt.Fprintf(&b, "\x1b[%dB\r", p.rows)
	} else {
		writeBlocks(&b, shrink(img, cells.X, min(size.Y, 2*cells.Y)))
	}
	_, err := p.w.Write(b.Bytes())
	return err
}

// fitCells is the largest number of cells that keeps the proportions of a picture, and, where it may not be enlarged,
// has no more than half a cell a pixel.
func fitCells(size image.Point, shrinkOnly bool) image.Point {
	scale := min(previewColumns/float64(size.X), 2*previewRows/float64(size.Y))
	if shrinkOnly {
		scale = min(scale, 1)
	}
	return image.Pt(max(1, int(scale*float64(size.X))), max(1, (int(scale*float64(size.Y))+1)/2))
}

// kittyChunk is the most base64 of a piece of kitty's protocol.
const kittyChunk = 4096

// writeKitty transmits and shows a picture by the graphics protocol of kitty
// (https://sw.kovidgoyal.net/kitty/graphics-protocol/): a=T transmit and display, f=24 red, green and blue bytes of
// s x v pixels, i and p the picture and the placement that it replaces, c x r cells, C=1 leaves the cursor, q=2 asks
// for no answer, m=1 says that more follows.
func writeKitty(b *bytes.Buffer, img image.Image, id int, cells image.Point) {
	r := img.Bounds()
	pix := make([]byte, 0, 3*r.Dx()*r.Dy())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			pix = append(pix, c.R, c.G, c.B)
		}
	}
	data := base64.StdEncoding.EncodeToString(pix)
	keys := fmt.Sprintf("a=T,f=24,s=%d,v=%d,i=%d,p=1,c=%d,r=%d,C=1,q=2,", r.Dx(), r.Dy(), id, cells.X, cells.Y)
	for len(data) > 0 {
		n, more := min(kittyChunk, len(data)), 0
		if n < len(data) {
			more = 1
		}
		fmt.Fprintf(b, "\x1b_G%sm=%d;%s\x1b\\", keys, more, data[:n])
		keys, data = "q=2,", data[n:]
	}
}

// writeBlocks writes two rows of pixels a line: upper half blocks, the upper pixel in the color of the text and the
// lower in that of the ground.
func writeBlocks(b *bytes.Buffer, img *image.NRGBA) {
	size := img.Bounds().Size()
	for y := 0; y < size.Y; y += 2 {
		for x := range size.X {
			up := img.NRGBAAt(x, y)
			fmt.Fprintf(b, "\x1b[38;2;%d;%d;%dm", up.R, up.G, up.B)
			if y+1 < size.Y {
				low := img.NRGBAAt(x, y+1)
				fmt.Fprintf(b, "\x1b[48;2;%d;%d;%dm", low.R, low.G, low.B)
			} else {
				b.WriteString("\x1b[49m")
			}
			b.WriteString("▀")
		}
		b.WriteString("\x1b[0m\x1b[K\n")
	}
}

// shrink makes a picture of w x h pixels, each the mean of those that it stands for.
func shrink(img image.Image, w, h int) *image.NRGBA {
	r := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var sum [3]int
			n := 0
			for j := y * r.Dy() / h; j < max((y+1)*r.Dy()/h, y*r.Dy()/h+1); j++ {
				for i := x * r.Dx() / w; i < max((x+1)*r.Dx()/w, x*r.Dx()/w+1); i++ {
					c := color.NRGBAModel.Convert(img.At(r.Min.X+i, r.Min.Y+j)).(color.NRGBA)
					sum[0], sum[1], sum[2], n = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B), n+1
				}
			}
			out.SetNRGBA(x, y, color.NRGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return out
}

package pipeline

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// openNetwork opens the network of a folder: a UNet2DModel, or a transformer of latents with the
// autoencoder that belongs to it.
func (p *Pipeline) openNetwork(fsys fs.FS, dir string) error {
	if !hasTransformer(fsys, dir) {
		u, err := model.OpenUNet2DFS(fsys, dir)
		if err != nil {
			return err
		}
		p.network = u
		p.info.Height, p.info.Width = u.Height(), u.Width()
		return nil
	}
	d, err := model.OpenDiTFS(fsys, path.Join(dir, "transformer"))
	if err != nil {
		return err
	}
	if p.vae, err = model.OpenAutoencoderFS(fsys, path.Join(dir, "vae")); err != nil {
		return err
	}
	p.network = d
	return p.fit(d)
}

// hasTransformer tells whether a folder has its network in transformer/.
func hasTransformer(fsys fs.FS, dir string) bool {
	for _, other := range []string{"config.json", "unet/config.json"} {
		if _, err := fs.Stat(fsys, path.Join(dir, other)); err == nil {
			return false
		}
	}
	_, err := fs.Stat(fsys, path.Join(dir, "transformer/config.json"))
	return err == nil
}

// fit tells whether network and autoencoder are of one model, and takes the size of the images.
func (p *Pipeline) fit(d *model.DiT) error {
	v := p.vae.Config()
	if v.LatentChannels != d.Channels() {
		return fmt.Errorf("transformer: in_channels %d: want %d, as the latents of vae have", d.Channels(), v.LatentChannels)
	}
	if v.OutChannels != 1 && v.OutChannels != 3 {
		return fmt.Errorf("vae: images of %d channels: want 1 (grey) or 3 (red, green, blue)", v.OutChannels)
	}
	g := p.vae.Decoder().Graph()
	shapes, err := g.Shapes(d.Height(), d.Width())
	if err != nil {
		return fmt.Errorf("vae: %w", err)
	}
	out := shapes[g.Outputs[0]]
	p.info.Height, p.info.Width = out.H, out.W
	return nil
}

// onHost is a network as a model on the CPU, for the size it was made for.
func onHost(net model.Network, pool *workers.Pool) (sampler.Model, error) {
	switch n := net.(type) {
	case *model.UNet2D:
		m, err := n.Denoiser(0, 0, pool)
		if err != nil {
			return nil, err
		}
		return m, nil
	case *model.DiT:
		m, err := n.Denoiser(0, 0, pool)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	return nil, fmt.Errorf("a %T cannot be sampled", net)
}

// codec makes pixels of latents; it is nil for a network of pixels.
func (p *Pipeline) codec() *model.Codec {
	if p.vae == nil {
		return nil
	}
	return p.parts.codec(p.vae)
}

// image converts a sample of the network, which it leaves as it is, to pixels, and returns them as the
// model made them beside it.
func (p *Pipeline) image(ctx context.Context, code *model.Codec, x []float32) (image.Image, []float32, error) {
	if code == nil {
		img, err := Pixels(x, p.network.Channels(), p.info.Height, p.info.Width)
		return img, x, err
	}
	if !finite(x) {
		return nil, nil, ErrNotFinite
	}
	z := slices.Clone(x)
	p.vae.Unscale(z)
	y, err := code.Decode(ctx, z, 1, p.network.Height(), p.network.Width())
	if err != nil {
		return nil, nil, err
	}
	img, err := Pixels(y, p.vae.Config().OutChannels, p.info.Height, p.info.Width)
	return img, y, err
}

// hashWeights writes the weights of a network, by way of buf.
func hashWeights(h io.Writer, net model.Network, buf []byte) {
	for i := range net.Graph().Params {
		net.Weights().Use(model.ParamID(i), func(v []float32) { hashValues(h, v, buf) })
	}
}

// hashValues writes the bits of values, by way of buf.
func hashValues(h io.Writer, v []float32, buf []byte) {
	for len(v) > 0 {
		n := min(len(v), len(buf)/4)
		for i, f := range v[:n] {
			binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(f))
		}
		_, _ = h.Write(buf[:4*n]) // a hash takes everything
		v = v[n:]
	}
}

// describeClasses takes what a DiTPipeline says: the label of no class, and in id2label the names,
// synonyms separated by commas. Steps and guidance are those of the model's card and of diffusers.
func (p *Pipeline) describeClasses(d *model.DiT, index []byte) error {
	in := &p.info
	in.NoClass, in.Steps, in.Guidance = int(d.NoClass()), 25, 4
	var labels struct {
		Names map[string]string `json:"id2label"`
	}
	if len(index) == 0 {
		return nil
	}
	if err := json.Unmarshal(index, &labels); err != nil {
		return fmt.Errorf("model_index.json: %w", err)
	}
	for key, name := range labels.Names {
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= in.NoClass {
			return fmt.Errorf("model_index.json: id2label %.20q: want 0 to %d", key, in.NoClass-1)
		}
		for len(in.ClassNames) <= i {
			in.ClassNames = append(in.ClassNames, strconv.Itoa(len(in.ClassNames)))
		}
		in.ClassNames[i] = name
	}
	return nil
}

// errNoScheduler is a folder of a model of latents that does not say how it was trained.
var errNoScheduler = errors.New("no scheduler/scheduler_config.json: want one beside transformer/")

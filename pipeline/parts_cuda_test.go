//go:build cuda

package pipeline

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model/device"
)

// openOnGPU opens a model on a GPU of little memory, which is quickly taken.
func openOnGPU(t *testing.T, o Options) *TextToImage {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dev, err := gpu.OpenCUDA(0, gpu.CUDAOptions{Driver: cuda.Options{MemoryLimit: 32 << 20}})
	if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
		t.Skip("no GPU: ", err)
	}
	require.NoError(t, err)
	p, err := OpenText("testdata/sd15", Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.NoError(t, p.dev.Close())
	p.dev, p.parts = dev, parts{}
	p.net, err = device.Load(context.Background(), dev, p.Network(), device.Options{})
	require.NoError(t, err)
	require.NoError(t, p.openParts(p.partPlans(), o))
	return p
}

// hold takes the memory of a device but about so much, in pieces, until free is called.
func hold(t *testing.T, p *TextToImage, left int64) (free func()) {
	t.Helper()
	dev := p.dev.(*gpu.CUDA).Driver()
	var held []*cuda.Buffer
	for size := int64(1) << 40; size >= 512; {
		there, err := dev.Available()
		require.NoError(t, err)
		if there-size >= left {
			if b, err := dev.Alloc(size); err == nil {
				held = append(held, b)
				continue
			}
		}
		size /= 2
	}
	return func() {
		for _, b := range held {
			require.NoError(t, b.Free())
		}
	}
}

// TestPartsWithoutRoom: what the GPU has no memory for runs on the CPU, with an error where it was to run there.
func TestPartsWithoutRoom(t *testing.T) {
	r := TextRequest{Prompt: "a cat", Steps: 1, Seed: 1}
	ctx := context.Background()
	cpu, err := OpenText("testdata/sd15", Options{})
	require.NoError(t, err)
	defer cpu.Close()
	want, err := cpu.Generate(ctx, r)
	require.NoError(t, err)

	p := openOnGPU(t, Options{})
	require.Len(t, p.Parts(), 3)
	z, h, w := want.Images[0].Latent, cpu.info.Height/cpu.info.Factor, cpu.info.Width/cpu.info.Factor
	exact, err := cpu.parts.codec(cpu.vae).Decode(ctx, z, 1, h, w)
	require.NoError(t, err)
	free := hold(t, p, 4096)
	got, err := p.parts.codec(p.vae).Decode(ctx, z, 1, h, w)
	require.NoError(t, err)
	assert.Equal(t, exact, got, "the CPU decodes")
	free()
	got, err = p.parts.codec(p.vae).Decode(ctx, z, 1, h, w)
	require.NoError(t, err)
	assert.NotEqual(t, exact, got, "the GPU decodes, in another order")

	strict := openOnGPU(t, Options{Parts: "device"})
	free = hold(t, strict, 4096)
	_, err = strict.parts.codec(strict.vae).Decode(ctx, z, 1, h, w)
	var part *PartError
	require.ErrorAs(t, err, &part)
	assert.Equal(t, "vae decoder", part.Part)
	var memory *device.MemoryError
	require.ErrorAs(t, err, &memory)
	free()
}

// TestPartsGiveWay: the denoiser takes the memory of the parts where there is no other, which then run on the CPU.
func TestPartsGiveWay(t *testing.T) {
	r := TextRequest{Prompt: "a cat", Steps: 1, Seed: 1}
	p := openOnGPU(t, Options{})
	want, err := p.Generate(context.Background(), r)
	require.NoError(t, err)
	dev := p.dev.(*gpu.CUDA).Driver()
	before, err := dev.Stats()
	require.NoError(t, err)
	enough := int64(0) // of memory that is left over for a run, by steps; without it the parts give way
	for left := int64(1 << 12); enough == 0; left *= 2 {
		free := hold(t, p, left)
		got, err := p.Generate(context.Background(), r)
		free()
		if err == nil {
			enough = left
			require.Len(t, got.Images, 1)
			for i, v := range want.Images[0].Latent {
				require.InDelta(t, v, got.Images[0].Latent[i], 1e-3)
			}
		}
		require.Less(t, left, int64(32)<<20)
	}
	after, err := dev.Stats()
	require.NoError(t, err)
	assert.Less(t, after.Memory.InUse, before.Memory.InUse, "the parts gave way")
	assert.False(t, p.parts.giveWay())
	_, err = p.Generate(context.Background(), r)
	require.NoError(t, err)
}

package pipeline_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestLoading: the parts of a model are reported in full, and an error ends loading.
func TestLoading(t *testing.T) {
	left := map[string]int64{}
	o := pipeline.Options{Threads: 1, Loading: func(folder string, done, total int64) error {
		left[folder] = total - done
		return nil
	}}
	p, err := pipeline.OpenText("testdata/sd15", o)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.Equal(t, map[string]int64{"text_encoder": 0, "unet": 0, "vae": 0}, left)
	clear(left)
	q, err := pipeline.OpenFS(bundled.FS(), bundled.Fashion, o)
	require.NoError(t, err)
	require.NoError(t, q.Close())
	require.Equal(t, map[string]int64{bundled.Fashion + "/unet": 0}, left)

	stop := errors.New("stop")
	o.Loading = func(folder string, _, _ int64) error {
		if folder == "unet" {
			return stop
		}
		return nil
	}
	var e *pipeline.OpenError
	for _, open := range []func() error{
		func() error { _, err := pipeline.OpenText("testdata/sd15", o); return err },
		func() error { _, err := pipeline.OpenTextFS(os.DirFS("testdata/sd15"), ".", o); return err },
	} {
		err := open()
		require.ErrorIs(t, err, stop)
		require.ErrorAs(t, err, &e)
	}
}

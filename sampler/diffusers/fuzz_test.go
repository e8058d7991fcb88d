package diffusers_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
)

// allocated is the bytes that the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// FuzzConfig reads any scheduler_config.json and plans it with options of a seed: no panic, typed errors, memory that the
// limits on training timesteps bound, and plans that are valid and without a NaN, which JSON could not hold.
func FuzzConfig(f *testing.F) {
	for i, class := range diffusers.Classes() {
		f.Add([]byte(`{"_class_name": "`+class+`"}`), uint64(i), 5)
		f.Add([]byte(`{"_class_name": "`+class+`", "num_train_timesteps": 1, "prediction_type": "v_prediction"}`), uint64(i), 1)
		f.Add([]byte(`{"_class_name": "`+class+`", "use_karras_sigmas": true, "sigma_min": 1e-300, "sigma_max": 1e300}`), uint64(i), 3)
	}
	for i, c := range configErrors {
		f.Add([]byte(c.config), uint64(i), c.o.Steps)
	}
	f.Add([]byte(`{"_class_name": "DDIMScheduler", "lambda_min_clipped": -Infinity, "trained_betas": [0.1, 0.2], "num_train_timesteps": 2}`), uint64(1), 2)
	f.Fuzz(func(t *testing.T, config []byte, seed uint64, steps int) {
		before := allocated()
		s, err := diffusers.Parse(bytes.NewReader(config))
		require.Less(t, allocated()-before, uint64(4<<20+200*len(config)))
		if err != nil {
			require.True(t, typed(err), "%T %v", err, err)
			require.Less(t, len(err.Error()), 3000)
			return
		}
		_ = s.Unknown
		o := hostileOptions(rand.New(rand.NewPCG(seed, 1)))
		if o.Steps != 0 || steps > 0 && steps <= 20 {
			o = diffusers.Options{Steps: steps}
		}
		if o.Steps > 100 && seed%8 != 0 { // long plans are slow and no better
			o.Steps %= 100
		}
		before = allocated()
		p, err := s.Plan(o)
		require.Less(t, allocated()-before, uint64(1<<30))
		if err != nil {
			require.True(t, typed(err), "%T %v", err, err)
			require.Less(t, len(err.Error()), 3000)
			return
		}
		require.NoError(t, p.Validate())
		_, err = json.Marshal(p)
		require.NoError(t, err)
		require.False(t, math.IsNaN(p.Init))
	})
}

package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTextDefaults: what a folder's scheduler says of the steps and the guidance of its model.
func TestTextDefaults(t *testing.T) {
	const betas = `"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012`
	for name, c := range map[string]struct {
		folder, config string
		steps          int
		guidance       float64
	}{
		"SD-Turbo":        {"sd15", `{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "steps_offset": 1, ` + betas + `}`, 4, 1},
		"SDXL-Turbo":      {"sdxl", `{"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing", ` + betas + `}`, 4, 1},
		"XL":              {"sdxl", `{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading", "steps_offset": 1, ` + betas + `}`, 30, 5},
		"trailing DDIM":   {"sd15", `{"_class_name": "DDIMScheduler", "timestep_spacing": "trailing", ` + betas + `}`, 50, 7.5},
		"trailing v":      {"sd15", `{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "v_prediction", ` + betas + `}`, 30, 7.5},
		"LCM, not inside": {"sd15", `{"_class_name": "LCMScheduler", ` + betas + `}`, 4, 1},
		"LCM":             {"lcm", `{"_class_name": "LCMScheduler", ` + betas + `}`, 4, 8.5},
	} {
		in := openText(t, c.folder, schedulerFile(c.config)).Info()
		require.Equal(t, c.steps, in.Steps, name)
		require.EqualValues(t, c.guidance, in.Guidance, name)
	}
}

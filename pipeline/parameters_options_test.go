package pipeline_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestParametersOfOptions: every option of samplers is written and read back.
func TestParametersOfOptions(t *testing.T) {
	var p sampler.Params
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case *float64:
			x := 0.25 + float64(i)
			f.Set(reflect.ValueOf(&x))
		case float64:
			f.SetFloat(0.5 + float64(i))
		case int:
			f.SetInt(int64(i + 1))
		case bool:
			f.SetBool(true)
		}
		require.False(t, v.Field(i).IsZero(), v.Type().Field(i).Name)
	}
	back, err := pipeline.ParseParameters(pipeline.Parameters{Request: pipeline.Request{Params: p, Steps: 3}}.String())
	require.NoError(t, err)
	require.Equal(t, p, back.Params)
	text, err := pipeline.ParseTextParameters(pipeline.TextParameters{TextRequest: pipeline.TextRequest{Params: p, Steps: 3}}.String())
	require.NoError(t, err)
	require.Equal(t, p, text.Params)
}

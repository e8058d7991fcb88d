package diffusers

import (
	"reflect"
	"sync"
)

// knownKeys returns the JSON keys of config.
var knownKeys = sync.OnceValue(func() []string {
	t := reflect.TypeFor[config]()
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("json")
	}
	return keys
})

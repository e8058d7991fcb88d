package schedule

import (
	"fmt"
	"math"
)

// checkFalling refuses levels that are not finite, not positive or do not fall: where parameters at the limits
// of float64 make two levels equal, a step between them would divide by zero.
func checkFalling(s []float64) error {
	for i, v := range s {
		if !(v > 0) || math.IsInf(v, 0) {
			return &Error{Field: fmt.Sprintf("noise level %d", i), Value: v, Want: "a positive number"}
		}
		if i > 0 && !(v < s[i-1]) {
			return &Error{Field: fmt.Sprintf("noise level %d", i), Value: v, Want: fmt.Sprintf("less than %v", s[i-1])}
		}
	}
	return nil
}

package device

import (
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/twin"
)

func TestTwin(t *testing.T) { twin.Check(t, 8) }

package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPhiloxKnownAnswers has the philox4x32 10 lines of kat_vectors in the Random123 distribution.
func TestPhiloxKnownAnswers(t *testing.T) {
	const ff = 0xffffffff
	for _, v := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ff, ff, ff, ff}, [2]uint32{ff, ff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		var got [4]uint32
		got[0], got[1], got[2], got[3] = philox(v.ctr[0], v.ctr[1], v.ctr[2], v.ctr[3], v.key[0], v.key[1])
		require.Equal(t, v.want, got)
	}
}

package bfloat

import "syscall"

// Linux keeps room for the tiles only in processes that ask, for every thread that they have or will have
// (Documentation/arch/x86/xstate.rst).
const (
	archReqXcompPerm = 0x1023
	featureTileData  = 18
)

// allowTiles asks for the tile registers.
func allowTiles() bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXcompPerm, featureTileData, 0)
	return errno == 0
}

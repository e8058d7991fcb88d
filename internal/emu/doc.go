// Package emu is a software GPU for tests: an emulated driver library, libcuda.so.1, that runs the
// PTX of the shipped kernels instruction by instruction and traps what a GPU would let pass.
// Nothing but tests may use it.
//
// [Build] compiles the library from the C++ sources of folder src, once a machine. A program built
// with the tag cuda runs on it when CUDIFFUSE_LIBCUDA names the library as the process starts:
//
//	CUDIFFUSE_LIBCUDA=$(go run ./internal/emu/cmd/emupath) go test -tags cuda ./cuda
//
// Environment variables, read when the driver is initialised:
//
//	CUDIFFUSE_EMU           the machine: devices=2,sm=80,memory=64M,driver=13000,ptx=9.0,name=...,
//	                        init=CODE, uninit=allow (unwritten memory may reach the host);
//	                        cudnn=92801, cudnnfail=N, cudnnnearest=1, see below
//	CUDIFFUSE_EMU_FAULTS    a fault script, see [Faults]
//	CUDIFFUSE_EMU_REPORT    file to which traps are appended, a line each; else standard error
//	CUDIFFUSE_EMU_COUNTERS  file that keeps the counters as JSON, after each wait and at exit
//	CUDIFFUSE_EMU_THREADS   host threads of a launch
//	CUDIFFUSE_EMU_WATCHDOG  warp instructions after which a block counts as hanging; else 2^32
//
// # What it is strict about
//
// Work runs only when something must wait for it, and then only as far as it must: a query runs one
// operation, a synchronisation all that it waits for. So a program that forgets to wait sees wrong
// data every time. Freeing memory and unloading a module do not wait, since the manual does not
// promise it: work that still needs them traps. A stream that is destroyed runs its work at once.
// Copies from pageable memory take the bytes when they are enqueued, copies to pageable memory
// block, and neither can be captured. Handles are never handed out twice.
//
// # cuDNN
//
// The library is an emulated cuDNN 9 too, its graph interface alone: CUDIFFUSE_LIBCUDNN names the
// same file. It refuses what cuDNN 9.28 was seen to refuse, shapes as operations are finalised and
// graphs without an engine by a heuristic without results. There are engines for a convolution or a
// matmul with element-wise functions and a reduction behind, for chains of element-wise functions,
// and for one layer or RMS norm, attention, reduction or average; cudnnnearest=1 adds resampling by
// the nearest neighbour, for which cuDNN has none. Engines 1 to 3 come from the heuristics, the
// second with a workspace of 64 KiB, engine 4 from the fallback; all give the same bits.
// cudnnfail=N makes plans of the engines 1 to N fail.
//
// An execution stands in streams and graphs where a kernel stands. As it runs it traps on memory
// that is freed, too small, misaligned or unwritten, on a result that overlaps an operand it is not
// computed from in place, and on a plan that was destroyed before; it leaves NaNs in its workspace.
// Arithmetic is in float32, in one order; results are rounded to their type where they are stored.
//
// # What it cannot see
//
// An array of kernel parameters carries no length, so that parameters too many, or bytes behind
// one, pass unnoticed; parameters too few are seen when the array ends in a null or in an address
// that cannot be read. Ask cuFuncGetParamInfo for their number. Times are those of the emulation.
// Host functions run under the driver's lock and must not wait for a thread that calls the driver.
package emu

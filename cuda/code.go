package cuda

import "fmt"

// Code is a result code of the CUDA driver (CUresult). The numbers are the driver's own. It is comparable:
// errors.Is(err, cuda.OutOfMemory).
type Code int

// The codes that callers of this package meet or may want to tell apart.
const (
	InvalidValue          Code = 1
	OutOfMemory           Code = 2
	Deinitialized         Code = 4
	DeviceUnavailable     Code = 46
	NoDevice              Code = 100
	InvalidDevice         Code = 101
	InvalidImage          Code = 200
	InvalidContext        Code = 201
	NoBinaryForGPU        Code = 209
	ECCUncorrectable      Code = 214
	InvalidPTX            Code = 218
	NVLinkUncorrectable   Code = 220
	UnsupportedPTXVersion Code = 222
	Contained             Code = 226
	InvalidHandle         Code = 400
	NotFound              Code = 500
	NotReady              Code = 600
	IllegalAddress        Code = 700
	LaunchOutOfResources  Code = 701
	LaunchTimeout         Code = 702
	ContextIsDestroyed    Code = 709
	Assert                Code = 710
	HardwareStackError    Code = 714
	IllegalInstruction    Code = 715
	MisalignedAddress     Code = 716
	InvalidAddressSpace   Code = 717
	InvalidPC             Code = 718
	LaunchFailed          Code = 719
	TensorMemoryLeak      Code = 721
	NotSupported          Code = 801
	SystemDriverMismatch  Code = 803
	CaptureUnsupported    Code = 900
	CaptureInvalidated    Code = 901
	ExternalDevice        Code = 911
	Unknown               Code = 999
)

// codeInfo is what is known of one code.
type codeInfo struct {
	name   string
	advice string // what to do about it, "" if that depends

	// sticky: the driver answers every later call on the context with this code. cuda.h says of these codes that they
	// leave "the process in an inconsistent state" or the context unusable.
	sticky bool
	// late: the code always tells of earlier work on the device, never of the call that returned it.
	late bool
}

// codes is the table of result codes. A code that is not in it is printed as a number and is not sticky.
var codes = map[Code]codeInfo{
	InvalidValue:  {name: "invalid value"},
	OutOfMemory:   {name: "out of memory"},
	3:             {name: "not initialized"},
	Deinitialized: {name: "driver is shutting down", sticky: true},
	34:            {name: "stub library", advice: "the loaded libcuda is a stub for linking, not a driver"},
	36:            {name: "call requires a newer driver", advice: "update the NVIDIA driver"},
	DeviceUnavailable: {name: "device unavailable",
		advice: "another process holds it exclusively (nvidia-smi -q -d COMPUTE)"},
	NoDevice:       {name: "no CUDA device"},
	InvalidDevice:  {name: "invalid device"},
	InvalidImage:   {name: "invalid kernel image"},
	InvalidContext: {name: "invalid context"},
	NoBinaryForGPU: {name: "no kernel image for this GPU",
		advice: "the GPU is older or newer than the build supports"},
	ECCUncorrectable:      {name: "uncorrectable ECC error", sticky: true, late: true},
	InvalidPTX:            {name: "invalid PTX"},
	NVLinkUncorrectable:   {name: "uncorrectable NVLink error", sticky: true, late: true},
	221:                   {name: "PTX compiler not found", advice: "install the driver's libnvidia-ptxjitcompiler"},
	UnsupportedPTXVersion: {name: "PTX is newer than the driver", advice: "update the NVIDIA driver"},
	Contained:             {name: "contained memory error", sticky: true, late: true},
	223:                   {name: "PTX compilation is disabled", advice: "unset CUDA_DISABLE_PTX_JIT"},
	304:                   {name: "operating system call failed"},
	InvalidHandle:         {name: "invalid handle"},
	401:                   {name: "illegal state"},
	NotFound:              {name: "not found"},
	NotReady:              {name: "not ready"},
	IllegalAddress:        {name: "illegal address", sticky: true, late: true},
	LaunchOutOfResources:  {name: "launch out of resources"},
	LaunchTimeout:         {name: "kernel ran too long", sticky: true, late: true},
	ContextIsDestroyed:    {name: "context is destroyed", sticky: true},
	Assert:                {name: "device-side assert", sticky: true, late: true},
	HardwareStackError:    {name: "hardware stack error", sticky: true, late: true},
	IllegalInstruction:    {name: "illegal instruction", sticky: true, late: true},
	MisalignedAddress:     {name: "misaligned address", sticky: true, late: true},
	InvalidAddressSpace:   {name: "invalid address space", sticky: true, late: true},
	InvalidPC:             {name: "invalid program counter", sticky: true, late: true},
	LaunchFailed:          {name: "launch failed", sticky: true, late: true},
	720:                   {name: "cooperative launch too large"},
	TensorMemoryLeak:      {name: "tensor memory leak", sticky: true, late: true},
	800:                   {name: "not permitted"},
	NotSupported:          {name: "not supported", advice: "the driver may be too old"},
	802:                   {name: "system not ready", advice: "is nvidia-fabricmanager running?"},
	SystemDriverMismatch:  {name: "driver and kernel module differ", advice: "reboot after the driver update"},
	804:                   {name: "compatibility package does not support this GPU"},
	805:                   {name: "MPS server not reachable", advice: "is nvidia-cuda-mps-control running?"},
	806:                   {name: "MPS server failed", advice: "see the log of nvidia-cuda-mps-control"},
	807:                   {name: "MPS server not ready", advice: "try again"},
	808:                   {name: "MPS has no more clients to give", advice: "end another process on this GPU"},
	809:                   {name: "MPS has no more connections to give", advice: "end another process on this GPU"},
	810:                   {name: "MPS server ended this program's work", sticky: true, late: true},
	CaptureUnsupported:    {name: "not permitted while a stream is captured"},
	CaptureInvalidated:    {name: "stream capture was invalidated"},
	902:                   {name: "stream capture merge"},
	903:                   {name: "stream capture unmatched"},
	904:                   {name: "stream capture unjoined"},
	905:                   {name: "stream capture isolation"},
	906:                   {name: "stream capture implicit"},
	907:                   {name: "captured event"},
	908:                   {name: "stream capture on the wrong thread"},
	909:                   {name: "timeout"},
	ExternalDevice:        {name: "external device failed", sticky: true, late: true},
	910:                   {name: "graph update failed"},
	Unknown:               {name: "unknown error", advice: "see the kernel's log for NVRM messages"},
}

// Error implements error.
func (c Code) Error() string {
	info, ok := codes[c]
	switch {
	case !ok:
		return fmt.Sprintf("CUDA error %d", int(c))
	case info.advice != "":
		return fmt.Sprintf("CUDA error %d: %s: %s", int(c), info.name, info.advice)
	}
	return fmt.Sprintf("CUDA error %d: %s", int(c), info.name)
}

// Sticky reports whether the context is lost after this code: every later call on it fails.
func (c Code) Sticky() bool { return codes[c].sticky }

// Late reports whether the code always tells of work that an earlier call enqueued.
func (c Code) Late() bool { return codes[c].late }

package cudnn

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Target is what plans are built for: a device ([Handle.Target]) or the description of one ([TargetFor]).
type Target struct {
	name       string
	properties string  // the description, "" for a device
	handle     *Handle // nil for a description
}

// String names the target, for messages and for the names of stored plans.
func (t Target) String() string {
	if t.name == "" {
		return "no target"
	}
	return t.name
}

// takes tells whether plans that were made for a target of that name run here: those for the same, and
// those for a described GPU of a device's architecture.
func (t Target) takes(name string) bool {
	return name == t.String() || strings.HasPrefix(name, "sm_") && strings.HasSuffix(t.name, " ("+name+")")
}

// model is a GPU that stands for its architecture, by NVIDIA's published specifications.
type model struct {
	name              string
	sms, ctas, thread int   // multiprocessors, and of each: blocks, threads
	shared            int   // bytes of shared memory that a block may take, by opting in
	memory            int64 // bytes
	l2                int   // bytes
	bus               int   // bits
	memoryClock       int   // kHz
}

var models = map[int]model{
	75:  {"Tesla T4", 40, 16, 1024, 65536, 15843721216, 4194304, 256, 5001000},
	80:  {"NVIDIA A100-SXM4-80GB", 108, 32, 2048, 166912, 85094825984, 41943040, 5120, 1593000},
	86:  {"NVIDIA GeForce RTX 3090", 82, 16, 1536, 101376, 25438126080, 6291456, 384, 9751000},
	89:  {"NVIDIA GeForce RTX 4090", 128, 24, 1536, 101376, 25386352640, 75497472, 384, 10501000},
	90:  {"NVIDIA H100 80GB HBM3", 132, 32, 2048, 232448, 85029158912, 52428800, 5120, 2619000},
	100: {"NVIDIA B200", 148, 32, 2048, 232448, 191514214400, 132644864, 8192, 3996000},
	120: {"NVIDIA GeForce RTX 5090", 170, 24, 1536, 101376, 34190917632, 100663296, 512, 14001000},
}

// properties are a device's, with the names that cuDNN reads in CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION.
type properties struct {
	MaxGridSize                   [3]int `json:"maxGridSize"`
	MaxBlockSize                  [3]int `json:"maxBlockSize"`
	RegsPerBlock                  int    `json:"regsPerBlock"`
	MultiProcessorCount           int    `json:"multiProcessorCount"`
	SMCountOrigin                 int    `json:"smCountOrigin"`
	WarpSize                      int    `json:"warpSize"`
	MaxSharedMemoryPerBlock       int    `json:"maxSharedMemoryPerBlock"`
	MaxSharedMemoryPerBlockOptin  int    `json:"maxSharedMemoryPerBlockOptin"`
	OversizedSharedMemoryPerBlock int    `json:"oversizedSharedMemoryPerBlock"`
	ReservedSharedMemoryPerBlock  int    `json:"reservedSharedMemoryPerBlock"`
	MaxRegistersPerSM             int    `json:"maxRegistersPerSM"`
	MaxCTAsPerSM                  int    `json:"maxCtasPerSM"`
	MaxThreadsPerBlock            int    `json:"maxThreadsPerBlock"`
	MaxThreadsPerSM               int    `json:"maxThreadsPerSM"`
	PCIDeviceID                   int    `json:"pciDeviceId"`
	IsTCCDriver                   int    `json:"isTccDriver"`
	SupportCoopLaunch             int    `json:"supportCoopLaunch"`
	TotalGlobalMem                int64  `json:"totalGlobalMem"`
	SMClockRateKHz                int    `json:"smClockRateKHz"`
	MemClockRateKHz               int    `json:"memClockRateKHz"`
	MemoryBusWidth                int    `json:"memoryBusWidth"`
	L2CacheSize                   int    `json:"l2CacheSize"`
	CUDADeviceID                  int    `json:"cudaDeviceId"`
	DeviceVer                     int    `json:"deviceVer"`
	DriverVer                     int    `json:"driverVer"`
	DeviceName                    string `json:"deviceName"`
}

// TargetFor describes a GPU of an architecture, given as 10*major + minor of its compute capability: 75,
// 80, 86, 89, 90, 100 or 120. Its plans tell what the library has for that architecture; heuristics rank
// them for one GPU of it.
func TargetFor(arch int) (Target, error) {
	m, ok := models[arch]
	if !ok {
		return Target{}, fmt.Errorf("cudnn: no description of a GPU of sm_%d: want one of 75, 80, 86, 89, 90, 100, 120", arch)
	}
	text, err := json.Marshal(properties{
		MaxGridSize: [3]int{1<<31 - 1, 65535, 65535}, MaxBlockSize: [3]int{1024, 1024, 64}, RegsPerBlock: 65536,
		MultiProcessorCount: m.sms, WarpSize: 32, MaxSharedMemoryPerBlock: 49152, MaxSharedMemoryPerBlockOptin: m.shared,
		ReservedSharedMemoryPerBlock: 1024, MaxRegistersPerSM: 65536, MaxCTAsPerSM: m.ctas, MaxThreadsPerBlock: 1024,
		MaxThreadsPerSM: m.thread, SupportCoopLaunch: 1, TotalGlobalMem: m.memory, SMClockRateKHz: 1980000,
		MemClockRateKHz: m.memoryClock, MemoryBusWidth: m.bus, L2CacheSize: m.l2, DeviceVer: arch * 10, DriverVer: 13000,
		DeviceName: m.name,
	})
	if err != nil {
		return Target{}, err
	}
	return Target{name: fmt.Sprintf("sm_%d", arch), properties: string(text)}, nil
}

//go:build cuda

package cuda

import (
	"fmt"
	"reflect"

	"gorgonia.org/cu"

	"github.com/cudiffuse/cudiffuse/cuda/internal/libcuda"
)

// Devices returns the GPUs of this machine. When there is none the error says why: no driver, one
// that is too old, or no device.
func Devices() ([]DeviceInfo, error) {
	n, err := count()
	if err != nil {
		return nil, err
	}
	infos := make([]DeviceInfo, n)
	for i := range infos {
		if infos[i], err = describe(i); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

// count returns the number of devices, an error if there is none.
func count() (int, error) {
	code, loaded, reason := libcuda.Status()
	switch {
	case !loaded:
		return 0, &Error{Op: opInit, Detail: reason, Err: ErrNoDriver}
	case code != 0:
		return 0, &Error{Op: opInit, Detail: reason, Err: Code(code)}
	}
	if version := cu.Version(); version < 0 {
		return 0, &Error{Op: "cuDriverGetVersion", Err: Unknown}
	} else if version < minDriver {
		return 0, &Error{Op: "cuDriverGetVersion", Err: &DriverError{Found: version, Want: minDriver}}
	}
	n, err := cu.NumDevices()
	if err != nil {
		return 0, &Error{Op: "cuDeviceGetCount", Err: resultCode(err)}
	}
	if n == 0 {
		return 0, &Error{Op: "cuDeviceGetCount", Err: NoDevice}
	}
	return n, nil
}

// describe reads what a DeviceInfo tells.
func describe(ordinal int) (DeviceInfo, error) {
	info := DeviceInfo{Ordinal: ordinal, DriverVersion: cu.Version()}
	dev, err := cu.GetDevice(ordinal)
	op := "cuDeviceGet"
	if err == nil {
		op = "cuDeviceGetName"
		info.Name, err = dev.Name()
	}
	if err == nil {
		op = "cuDeviceTotalMem"
		info.TotalMemory, err = dev.TotalMem()
	}
	for _, a := range []struct {
		value *int
		what  cu.DeviceAttribute
	}{{&info.Major, cu.ComputeCapabilityMajor}, {&info.Minor, cu.ComputeCapabilityMinor},
		{&info.SMs, cu.MultiprocessorCount}} {
		if err == nil {
			op = "cuDeviceGetAttribute"
			*a.value, err = dev.Attribute(a.what)
		}
	}
	if err != nil {
		return info, &Error{Op: op, Detail: fmt.Sprintf("cuda:%d", ordinal), Err: resultCode(err)}
	}
	return info, nil
}

// resultCode returns the number of a result of package cu, whose type has no name outside.
func resultCode(err error) Code {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Int {
		return Code(v.Int())
	}
	return Unknown
}

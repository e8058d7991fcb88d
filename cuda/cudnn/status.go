package cudnn

import "fmt"

// Status is a result of a cuDNN call. Whole thousands are the categories of the others: [StatusError]
// matches both its status and its category.
type Status int

// The categories, and statuses that callers tell apart.
const (
	NotInitialized               Status = 1001
	SublibraryVersionMismatch    Status = 1002
	SerializationVersionMismatch Status = 1003
	SublibraryLoadingFailed      Status = 1008
	BadParam                     Status = 2000
	BadParamMisalignedPointer    Status = 2003
	BadParamShapeMismatch        Status = 2008
	NotSupported                 Status = 3000
	NotSupportedGraphPattern     Status = 3001
	NotSupportedShape            Status = 3002
	NotSupportedArchMismatch     Status = 3007
	InternalError                Status = 4000
	HostAllocationFailed         Status = 4003
	DeviceAllocationFailed       Status = 4004
	ExecutionFailed              Status = 5000
)

// names are those of cudnnStatus_t, without CUDNN_STATUS_.
var names = map[Status]string{
	0:    "SUCCESS",
	1001: "NOT_INITIALIZED",
	1002: "SUBLIBRARY_VERSION_MISMATCH",
	1003: "SERIALIZATION_VERSION_MISMATCH",
	1004: "DEPRECATED",
	1005: "LICENSE_ERROR",
	1006: "RUNTIME_IN_PROGRESS",
	1007: "RUNTIME_FP_OVERFLOW",
	1008: "SUBLIBRARY_LOADING_FAILED",
	2000: "BAD_PARAM",
	2002: "BAD_PARAM_NULL_POINTER",
	2003: "BAD_PARAM_MISALIGNED_POINTER",
	2004: "BAD_PARAM_NOT_FINALIZED",
	2005: "BAD_PARAM_OUT_OF_BOUND",
	2006: "BAD_PARAM_SIZE_INSUFFICIENT",
	2007: "BAD_PARAM_STREAM_MISMATCH",
	2008: "BAD_PARAM_SHAPE_MISMATCH",
	2009: "BAD_PARAM_DUPLICATED_ENTRIES",
	2010: "BAD_PARAM_ATTRIBUTE_TYPE",
	2011: "BAD_PARAM_CUDA_GRAPH_MISMATCH",
	2012: "BAD_PARAM_DESCRIPTOR_TYPE",
	3000: "NOT_SUPPORTED",
	3001: "NOT_SUPPORTED_GRAPH_PATTERN",
	3002: "NOT_SUPPORTED_SHAPE",
	3003: "NOT_SUPPORTED_DATA_TYPE",
	3004: "NOT_SUPPORTED_LAYOUT",
	3005: "NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER",
	3006: "NOT_SUPPORTED_INCOMPATIBLE_CUDART",
	3007: "NOT_SUPPORTED_ARCH_MISMATCH",
	3008: "NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING",
	3009: "NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE",
	3010: "NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT",
	3011: "NOT_SUPPORTED_PADDING",
	3012: "NOT_SUPPORTED_BAD_LAUNCH_PARAM",
	3013: "NOT_SUPPORTED_CUDA_GRAPH_NATIVE_API",
	3014: "NOT_SUPPORTED_INVALID_DYNAMIC_SHAPE",
	4000: "INTERNAL_ERROR",
	4001: "INTERNAL_ERROR_COMPILATION_FAILED",
	4002: "INTERNAL_ERROR_UNEXPECTED_VALUE",
	4003: "INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
	4004: "INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
	4005: "INTERNAL_ERROR_BAD_LAUNCH_PARAM",
	4006: "INTERNAL_ERROR_TEXTURE_CREATION_FAILED",
	5000: "EXECUTION_FAILED",
	5001: "EXECUTION_FAILED_CUDA_DRIVER",
	5002: "EXECUTION_FAILED_CUBLAS",
	5003: "EXECUTION_FAILED_CUDART",
	5004: "EXECUTION_FAILED_CURAND",
}

// Category is the status without its detail, e.g. BadParam of BadParamShapeMismatch. Statuses of the
// first thousand have none and are their own.
func (s Status) Category() Status {
	if s < 2000 {
		return s
	}
	return s / 1000 * 1000
}

// Error implements error with the name that cuDNN gives the status.
func (s Status) Error() string {
	if name, ok := names[s]; ok {
		return "CUDNN_STATUS_" + name
	}
	if name, ok := names[s.Category()]; ok {
		return fmt.Sprintf("CUDNN_STATUS_%s (%d)", name, int(s))
	}
	return fmt.Sprintf("CUDNN_STATUS (%d)", int(s))
}

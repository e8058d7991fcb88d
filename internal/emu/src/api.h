// The types of the driver's binary interface that the emulator implements: the same layouts as cuda.h, written out so
// that only g++ is needed. With EMU_CHECK_ABI the real header is read instead, and the compiler then compares every
// exported function with NVIDIA's declaration of it.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef EMU_CHECK_ABI
#define __CUDA_API_VERSION_INTERNAL  // declares every version of a function and renames none
#include <cuda.h>
#else

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef uint64_t cuuint64_t;
typedef struct CUctx_st* CUcontext;
typedef struct CUmod_st* CUmodule;
typedef struct CUfunc_st* CUfunction;
typedef struct CUstream_st* CUstream;
typedef struct CUevent_st* CUevent;
typedef struct CUgraph_st* CUgraph;
typedef struct CUgraphNode_st* CUgraphNode;
typedef struct CUgraphExec_st* CUgraphExec;
typedef struct CUgraphEdgeData_st CUgraphEdgeData;
typedef struct CUuuid_st { char bytes[16]; } CUuuid;

typedef unsigned CUdevice_attribute, CUlimit, CUpointer_attribute, CUfunction_attribute, CUfunc_cache, CUjit_option;
typedef unsigned CUstreamCaptureMode, CUstreamCaptureStatus, CUgraphNodeType, CUgraphExecUpdateResult;
typedef unsigned CUgraphInstantiateResult;

typedef void (*CUhostFn)(void* userData);
typedef void (*CUstreamCallback)(CUstream stream, CUresult status, void* userData);

typedef struct CUgraphExecUpdateResultInfo_st {
    CUgraphExecUpdateResult result;
    CUgraphNode errorNode, errorFromNode;
} CUgraphExecUpdateResultInfo;

typedef struct CUDA_GRAPH_INSTANTIATE_PARAMS_st {
    cuuint64_t flags;
    CUstream hUploadStream;
    CUgraphNode hErrNode_out;
    CUgraphInstantiateResult result_out;
} CUDA_GRAPH_INSTANTIATE_PARAMS;

#endif

// EMU_API marks an exported entry point; everything else is hidden.
#define EMU_API extern "C" __attribute__((visibility("default")))

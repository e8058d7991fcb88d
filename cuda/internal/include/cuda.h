/* Stands before the CUDA headers on the include path, so that gorgonia.org/cu v0.9.6 builds with CUDA 13 too: five
 * functions changed their signature there, and this gives back the earlier ones, which drivers still export. From 12.8 on
 * the headers also rename cuEventElapsedTime to an entry point that older drivers lack; the earlier one does the same. */
#ifndef CUDIFFUSE_CUDA_H
#define CUDIFFUSE_CUDA_H

#include_next <cuda.h>

#if CUDA_VERSION >= 12080
#undef cuEventElapsedTime
#ifdef __cplusplus
extern "C" {
#endif
CUresult CUDAAPI cuEventElapsedTime(float *ms, CUevent start, CUevent end);
#ifdef __cplusplus
}
#endif
#endif

#if CUDA_VERSION >= 13000
#undef cuCtxCreate
#undef cuMemAdvise
#undef cuMemPrefetchAsync
#undef cuGraphAddDependencies
#undef cuGraphGetEdges
#define cuCtxCreate cuCtxCreate_v2

#ifdef __cplusplus
extern "C" {
#endif
CUresult CUDAAPI cuCtxCreate_v2(CUcontext *ctx, unsigned int flags, CUdevice dev);
CUresult CUDAAPI cuMemAdvise(CUdeviceptr ptr, size_t count, CUmem_advise advice, CUdevice device);
CUresult CUDAAPI cuMemPrefetchAsync(CUdeviceptr ptr, size_t count, CUdevice device, CUstream stream);
CUresult CUDAAPI cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t n);
CUresult CUDAAPI cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *n);
#ifdef __cplusplus
}
#endif
#endif

#endif

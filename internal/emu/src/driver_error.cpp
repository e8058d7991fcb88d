// cuGetErrorName and cuGetErrorString.
#include "driver.h"

namespace emu {
namespace {

struct Text { int code; const char *name, *text; };
const Text kTexts[] = {
#define X(code, name, text) {code, #name, text},
    EMU_RESULTS(X)
#undef X
    // What result.h leaves out: the emulator answers these only when a script says so, or while capturing.
    {205, "CUDA_ERROR_MAP_FAILED", "mapping of buffer object failed"},
    {215, "CUDA_ERROR_UNSUPPORTED_LIMIT", "limit is not supported on this architecture"},
    {216, "CUDA_ERROR_CONTEXT_ALREADY_IN_USE", "exclusive-thread device already in use by a different thread"},
    {220, "CUDA_ERROR_NVLINK_UNCORRECTABLE", "uncorrectable NVLink error detected during the execution"},
    {221, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND", "PTX JIT compiler library not found"},
    {304, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE", "operation not supported on global/shared address space"},
    {718, "CUDA_ERROR_INVALID_PC", "invalid program counter"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility was attempted on non supported HW"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {909, "CUDA_ERROR_TIMEOUT", "wait operation timed out"},
    {910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE",
     "the graph update was not performed because it included changes which violated constraints specific to "
     "instantiated graph update"},
};

const Text* find(int code) {
    for (const Text& t : kTexts)
        if (t.code == code) return &t;
    return nullptr;
}

// tell works without the lock and in callbacks: it changes nothing.
CUresult tell(int code, const char** out, const char* Text::*field) {
    if (!out) return CUresult(CUDA_ERROR_INVALID_VALUE);
    const Text* t = find(code);
    *out = t ? t->*field : nullptr;
    return CUresult(t ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}

}  // namespace

const char* resultName(int code) {
    const Text* t = find(code);
    return t ? t->name : nullptr;
}

const char* resultText(int code) {
    const Text* t = find(code);
    return t ? t->text : nullptr;
}

}  // namespace emu

EMU_API CUresult cuGetErrorName(CUresult code, const char** name) {
    return emu::tell(int(code), name, &emu::Text::name);
}

EMU_API CUresult cuGetErrorString(CUresult code, const char** text) {
    return emu::tell(int(code), text, &emu::Text::text);
}

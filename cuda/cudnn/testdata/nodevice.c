/* A driver library of a machine without a GPU, as much of it as cuDNN needs to build plans for a described device.
 * cuDeviceGetCount must succeed with 0: a failure there fails every engine that compiles at run time. */
enum { SUCCESS = 0, NO_DEVICE = 100 };

int cuInit(unsigned flags) {
    (void)flags;
    return NO_DEVICE;
}
int cuDeviceGetCount(int *count) {
    *count = 0;
    return SUCCESS;
}
int cuDriverGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}
int cuGetErrorString(int error, const char **text) {
    (void)error;
    *text = "no device";
    return SUCCESS;
}
int cuGetErrorName(int error, const char **text) {
    (void)error;
    *text = "CUDA_ERROR_NO_DEVICE";
    return SUCCESS;
}

#define NONE(name) \
    int name(void) { return NO_DEVICE; }
NONE(cuModuleGetFunction) NONE(cuModuleLoadData) NONE(cuModuleUnload) NONE(cuTensorMapEncodeIm2col)
NONE(cuTensorMapEncodeTiled) NONE(cuCtxGetCurrent) NONE(cuCtxGetLimit) NONE(cuCtxPopCurrent) NONE(cuCtxPushCurrent)
NONE(cuStreamGetCtx) NONE(cuLinkCreate) NONE(cuLinkAddData) NONE(cuLinkComplete) NONE(cuLinkDestroy)
NONE(cuLaunchKernel) NONE(cuLaunchCooperativeKernel) NONE(cuLaunchKernelEx) NONE(cuDeviceGet) NONE(cuLibraryLoadData)
NONE(cuLibraryLoadFromFile) NONE(cuLibraryGetKernel) NONE(cuLibraryUnload) NONE(cuKernelSetAttribute)
NONE(cuKernelGetAttribute) NONE(cuKernelGetFunction) NONE(cuOccupancyMaxPotentialClusterSize)

//go:build cuda

/* Loads the driver at the first cuInit. Without one, or with one that refuses to initialise, the program still starts:
 * cuInit succeeds (gorgonia.org/cu ends the process otherwise, in its package initialiser), there are 0 devices, and
 * every other call returns the reason. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "forward.h"

enum {
    SUCCESS = 0,
    ERROR_NO_DEVICE = 100,      /* CUDA_ERROR_NO_DEVICE */
    ERROR_NOT_SUPPORTED = 801,  /* CUDA_ERROR_NOT_SUPPORTED */
};

#define ENTRY(i, name) #name,
static const char *const names[] = {
#include "names.h"
};
#undef ENTRY

static int status = ERROR_NO_DEVICE;
static int loaded;
static char reason[512] = "cuInit was not called";

static int unusable(void) { return status; }
static int missing(void) { return ERROR_NOT_SUPPORTED; }
static int no_devices(int *count) {
    *count = 0;
    return SUCCESS;
}

FORWARD void *forward_table[ENTRIES] = {[0 ... ENTRIES - 1] = (void *)unusable};

static int is(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

static void load(void) {
    const char *path = getenv("CUDIFFUSE_LIBCUDA");
    if (!path || !*path) path = "libcuda.so.1";
    for (int i = 0; i < ENTRIES; i++)
        if (is(names[i], "cuDeviceGetCount")) forward_table[i] = (void *)no_devices;
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        const char *why = dlerror();
        snprintf(reason, sizeof reason, "%s", why ? why : "the driver library cannot be loaded");
        return;
    }
    loaded = 1;
    int (*init)(unsigned) = (int (*)(unsigned))dlsym(lib, "cuInit");
    if (!init) {
        snprintf(reason, sizeof reason, "%s: not a CUDA driver: it has no cuInit", path);
        return;
    }
    status = init(0);
    if (status != SUCCESS) {
        snprintf(reason, sizeof reason, "the driver does not initialise");
        return;
    }
    reason[0] = 0;
    for (int i = 0; i < ENTRIES; i++) {
        void *entry = dlsym(lib, names[i]);
        forward_table[i] = entry ? entry : (void *)missing; /* an older driver */
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

FORWARD int cuInit(unsigned flags) {
    (void)flags; /* must be 0 */
    pthread_once(&once, load);
    return SUCCESS;
}

int forward_status(void) { return status; }
int forward_loaded(void) { return loaded; }
const char *forward_reason(void) { return reason; }

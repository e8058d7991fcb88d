//go:build cuda

#define _GNU_SOURCE
#include "native.h"
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

#define F(name, result, parameters) static result(*p_##name) parameters;
CUDNN_ABI_FUNCTIONS(F)
#undef F

static char path[4096];

const char *native_load(const char *name, char message[MESSAGE]) {
    void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        const char *why = dlerror();
        snprintf(message, MESSAGE, "%s", why ? why : "it cannot be loaded");
        return message;
    }
#define F(name, result, parameters) \
    if (!(p_##name = (result(*) parameters)dlsym(lib, #name))) { \
        snprintf(message, MESSAGE, "it has no " #name); \
        dlclose(lib); \
        return message; \
    }
    CUDNN_ABI_FUNCTIONS(F)
#undef F
    struct link_map *map = NULL;
    if (dlinfo(lib, RTLD_DI_LINKMAP, &map) == 0 && map) name = map->l_name;
    snprintf(path, sizeof path, "%s", name);
    return NULL;
}

const char *native_path(void) { return path; }
size_t native_version(void) { return p_cudnnGetVersion(); }
const char *native_status(unsigned status) { return p_cudnnGetErrorString(status); }

void native_message(char message[MESSAGE]) {
    message[0] = 0;
    p_cudnnGetLastErrorString(message, MESSAGE);
    message[MESSAGE - 1] = 0;
}

static unsigned told(unsigned status, char message[MESSAGE]) {
    if (status != CUDNN_STATUS_SUCCESS) native_message(message);
    return status;
}

unsigned native_create(cudnn_handle *handle, uintptr_t stream, char message[MESSAGE]) {
    unsigned status = told(p_cudnnCreate(handle), message);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    status = told(p_cudnnSetStream(*handle, (struct CUstream_st *)stream), message);
    if (status != CUDNN_STATUS_SUCCESS) {
        p_cudnnDestroy(*handle);
        *handle = NULL;
    }
    return status;
}

unsigned native_destroy(cudnn_handle handle, char message[MESSAGE]) { return told(p_cudnnDestroy(handle), message); }

unsigned native_make(unsigned kind, cudnn_descriptor *made, char message[MESSAGE]) {
    return told(p_cudnnBackendCreateDescriptor(kind, made), message);
}
unsigned native_release(cudnn_descriptor d) { return p_cudnnBackendDestroyDescriptor(d); }
unsigned native_finalize(cudnn_descriptor d, char message[MESSAGE]) {
    return told(p_cudnnBackendFinalize(d), message);
}
unsigned native_set(cudnn_descriptor d, unsigned name, unsigned type, int64_t n, const void *elements,
                    char message[MESSAGE]) {
    return told(p_cudnnBackendSetAttribute(d, name, type, n, elements), message);
}
unsigned native_get(cudnn_descriptor d, unsigned name, unsigned type, int64_t room, int64_t *n, void *elements,
                    char message[MESSAGE]) {
    return told(p_cudnnBackendGetAttribute(d, name, type, room, n, elements), message);
}

unsigned native_run(cudnn_handle handle, cudnn_descriptor plan, cudnn_descriptor pack) {
    return p_cudnnBackendExecute(handle, plan, pack);
}

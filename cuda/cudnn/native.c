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
    struct link_map *map = NULL;
    if (dlinfo(lib, RTLD_DI_LINKMAP, &map) == 0 && map) name = map->l_name;
    snprintf(path, sizeof path, "%s", name);
    /* An older one lacks entry points, but tells its version. */
    p_cudnnGetVersion = (size_t(*)(void))dlsym(lib, "cudnnGetVersion");
    if (p_cudnnGetVersion && p_cudnnGetVersion() < MIN_VERSION) return NULL;
#define F(name, result, parameters) \
    if (!(p_##name = (result(*) parameters)dlsym(lib, #name))) { \
        snprintf(message, MESSAGE, "it has no " #name); \
        dlclose(lib); \
        return message; \
    }
    CUDNN_ABI_FUNCTIONS(F)
#undef F
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

/* drop forgets what earlier calls said: successful ones add their warnings, and reading empties the store. */
static void drop(void) {
    char old[64];
    p_cudnnGetLastErrorString(old, sizeof old);
}

static unsigned told(unsigned status, char message[MESSAGE]) {
    if (status != CUDNN_STATUS_SUCCESS) native_message(message);
    return status;
}

unsigned native_create(cudnn_handle *handle, uintptr_t stream, char message[MESSAGE]) {
    drop();
    unsigned status = told(p_cudnnCreate(handle), message);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    status = told(p_cudnnSetStream(*handle, (struct CUstream_st *)stream), message);
    if (status != CUDNN_STATUS_SUCCESS) {
        p_cudnnDestroy(*handle);
        *handle = NULL;
    }
    return status;
}

unsigned native_stream(cudnn_handle handle, uintptr_t stream, char message[MESSAGE]) {
    unsigned status = p_cudnnSetStream(handle, (struct CUstream_st *)stream);
    return status == CUDNN_STATUS_SUCCESS ? status : told(status, message);
}

unsigned native_destroy(cudnn_handle handle, char message[MESSAGE]) {
    drop();
    return told(p_cudnnDestroy(handle), message);
}

static long live;

unsigned native_make(unsigned kind, cudnn_descriptor *made, char message[MESSAGE]) {
    drop();
    unsigned status = told(p_cudnnBackendCreateDescriptor(kind, made), message);
    if (status == CUDNN_STATUS_SUCCESS) __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return status;
}
void native_release(cudnn_descriptor d) {
    __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    p_cudnnBackendDestroyDescriptor(d); /* fails for what is no descriptor alone */
}
long native_live(void) { return __atomic_load_n(&live, __ATOMIC_RELAXED); }
unsigned native_finalize(cudnn_descriptor d, char message[MESSAGE]) {
    drop();
    return told(p_cudnnBackendFinalize(d), message);
}
unsigned native_set(cudnn_descriptor d, unsigned name, unsigned type, int64_t n, const void *elements,
                    char message[MESSAGE]) {
    drop();
    return told(p_cudnnBackendSetAttribute(d, name, type, n, elements), message);
}
unsigned native_get(cudnn_descriptor d, unsigned name, unsigned type, int64_t room, int64_t *n, void *elements,
                    char message[MESSAGE]) {
    drop();
    return told(p_cudnnBackendGetAttribute(d, name, type, room, n, elements), message);
}

unsigned native_run(cudnn_handle handle, cudnn_descriptor plan, cudnn_descriptor pack) {
    return p_cudnnBackendExecute(handle, plan, pack);
}

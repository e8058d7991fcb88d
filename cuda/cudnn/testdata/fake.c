/* A cuDNN that computes nothing, for the tests of how it is called. Every graph has two plans. Executing one writes what
 * it was given into the first bytes of the operand with the highest number, whose address is host memory here:
 * struct seen. A workspace at no multiple of 32 makes it fail. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../abi.h"

struct seen {
    uint64_t stream, workspace, operands;
    float scalar; /* what operand 4 points to as the execution runs */
};

struct cudnnContext {
    struct CUstream_st *stream;
};
typedef struct {
    unsigned kind;
    int64_t n;
    int64_t ids[16];
    void *pointers[16], *workspace;
} descriptor;

static _Thread_local char last[256];

size_t cudnnGetVersion(void) { return 91000; }
const char *cudnnGetErrorString(unsigned status) { return status ? "CUDNN_STATUS_FAKE" : "CUDNN_STATUS_SUCCESS"; }
void cudnnGetLastErrorString(char *message, size_t size) {
    snprintf(message, size, "%s", last);
    last[0] = 0;
}
unsigned cudnnCreate(cudnn_handle *handle) {
    if (getenv("FAKE_CREATE")) {
        snprintf(last, sizeof last, "no memory for a handle");
        return 4004;
    }
    *handle = calloc(1, sizeof **handle);
    return 0;
}
unsigned cudnnDestroy(cudnn_handle handle) {
    free(handle);
    return 0;
}
unsigned cudnnSetStream(cudnn_handle handle, struct CUstream_st *stream) {
    handle->stream = stream;
    return 0;
}
unsigned cudnnBackendCreateDescriptor(unsigned kind, cudnn_descriptor *made) {
    descriptor *d = calloc(1, sizeof *d);
    d->kind = kind;
    *made = d;
    return 0;
}
unsigned cudnnBackendDestroyDescriptor(cudnn_descriptor d) {
    free(d);
    return 0;
}
unsigned cudnnBackendFinalize(cudnn_descriptor d) {
    (void)d;
    return 0;
}
unsigned cudnnBackendSetAttribute(cudnn_descriptor to, unsigned name, unsigned type, int64_t n, const void *elements) {
    descriptor *d = to;
    (void)type;
    if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS) memcpy(d->ids, elements, n * sizeof *d->ids), d->n = n;
    if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS) memcpy(d->pointers, elements, n * sizeof *d->pointers);
    if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE) memcpy(&d->workspace, elements, sizeof d->workspace);
    if ((name == CUDNN_ATTR_OPERATIONGRAPH_HANDLE || name == CUDNN_ATTR_EXECUTION_PLAN_HANDLE) && !*(void *const *)elements)
        return 2002;
    return 0;
}
unsigned cudnnBackendGetAttribute(cudnn_descriptor from, unsigned name, unsigned type, int64_t room, int64_t *n,
                                  void *elements) {
    static const char plan[] = "{\"fake\":1}";
    (void)from, (void)type;
    *n = 1;
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) *n = 2;
    if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) *(int64_t *)elements = 64;
    if (name == CUDNN_ATTR_ENGINE_GLOBAL_INDEX) *(int64_t *)elements = 7;
    if (name == CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION) {
        *n = sizeof plan;
        if (room) memcpy(elements, plan, sizeof plan);
    }
    return 0;
}
unsigned cudnnBackendExecute(cudnn_handle handle, cudnn_descriptor plan, cudnn_descriptor pack) {
    descriptor *p = pack;
    if (!handle || !plan || (uintptr_t)p->workspace % 32) {
        snprintf(last, sizeof last, "workspace at no multiple of 32");
        return 5001;
    }
    struct seen *to = p->pointers[p->n - 1];
    to->stream = (uintptr_t)handle->stream;
    to->workspace = (uintptr_t)p->workspace;
    to->operands = p->n;
    to->scalar = *(float *)p->pointers[3];
    return 0;
}

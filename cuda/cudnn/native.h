/* The library's entry points, and a message beside every status: cuDNN keeps the last message for each OS thread, so it
 * is read in the call that failed. */
#ifndef CUDIFFUSE_CUDNN_NATIVE_H
#define CUDIFFUSE_CUDNN_NATIVE_H

#include "abi.h"

enum {
    MESSAGE = 2048,
    MIN_VERSION = 90000, /* the first with the interface of abi.h */
};

/* native_load fills the table of entry points from the library of a name. It returns NULL, or why not, in message. Of a
 * library before MIN_VERSION nothing but the version can be called. */
const char *native_load(const char *name, char message[MESSAGE]);
/* native_path is the file that was loaded. */
const char *native_path(void);

size_t native_version(void);
const char *native_status(unsigned status);

unsigned native_create(cudnn_handle *handle, uintptr_t stream, char message[MESSAGE]);
unsigned native_stream(cudnn_handle handle, uintptr_t stream, char message[MESSAGE]);
unsigned native_destroy(cudnn_handle handle, char message[MESSAGE]);

unsigned native_make(unsigned kind, cudnn_descriptor *made, char message[MESSAGE]);
void native_release(cudnn_descriptor d);
long native_live(void); /* descriptors made and not released */
unsigned native_finalize(cudnn_descriptor d, char message[MESSAGE]);
unsigned native_set(cudnn_descriptor d, unsigned name, unsigned type, int64_t n, const void *elements,
                    char message[MESSAGE]);
unsigned native_get(cudnn_descriptor d, unsigned name, unsigned type, int64_t room, int64_t *n, void *elements,
                    char message[MESSAGE]);

/* native_run drops and reads no messages, so that it can be called in a loop. */
unsigned native_run(cudnn_handle handle, cudnn_descriptor plan, cudnn_descriptor pack);
void native_message(char message[MESSAGE]);

#endif

/* What became of the driver. Filled by the first cuInit, constant after it. */
#ifndef CUDIFFUSE_FORWARD_H
#define CUDIFFUSE_FORWARD_H

#define FORWARD __attribute__((visibility("hidden")))

FORWARD int forward_status(void);          /* the CUresult of the driver's own cuInit, 100 when no driver was loaded */
FORWARD int forward_loaded(void);          /* 1 when a driver library was loaded */
FORWARD const char *forward_reason(void);  /* why the driver cannot be used; "" when it can */

#endif

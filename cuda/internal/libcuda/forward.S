//go:build cuda

/* One jump through forward_table for every entry point of libcuda. Arguments and the return address stay where the
 * caller put them, so one line serves every signature. The symbols are hidden: the real libcuda, loaded later, must
 * never resolve its own names to these. */
#if defined(__x86_64__)
#define JUMP(i) jmp *(forward_table + 8 * i)(%rip)
#elif defined(__aarch64__)
#define JUMP(i) adrp x16, forward_table + 8 * i; ldr x16, [x16, :lo12:forward_table + 8 * i]; br x16
#else
#error "forwarding libcuda: this processor is not supported"
#endif

#define ENTRY(i, name) \
    .globl name; .hidden name; .type name, %function; name: JUMP(i); .size name, . - name;

    .text
#include "names.h"
    .section .note.GNU-stack, "", %progbits

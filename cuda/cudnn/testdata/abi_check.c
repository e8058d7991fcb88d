/* Compiles when abi.h agrees with the cuDNN header that is on the include path. It is never linked. */
#include <cudnn_graph.h>
#define CUDNN_ABI_CHECK
#include "../abi.h"

#define X(name, value) _Static_assert((int)CUDNN_##name == value, #name);
CUDNN_ABI_CONSTANTS(X)

/* Another result or parameter type is an incompatible pointer. */
#define F(name, result, parameters) result(*const check_##name) parameters = name;
CUDNN_ABI_FUNCTIONS(F)

// The caller's memory, which may not be there.
#pragma once

#include "types.h"

namespace emu {

// readHost copies n bytes from an address of this process; false when they cannot be read.
bool readHost(void* to, const void* from, size_t n);
// writableHost says whether n bytes at an address can be written, looking at the first and the last page.
bool writableHost(void* at, size_t n);

}  // namespace emu

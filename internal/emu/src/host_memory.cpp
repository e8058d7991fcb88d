#include "host_memory.h"

#include <cerrno>
#include <sys/uio.h>
#include <unistd.h>

namespace emu {
namespace {

// The kernel copies for us and answers EFAULT instead of raising a signal. Where it is not allowed to, the bytes are
// touched directly, as a real driver does.
bool transfer(void* local, void* remote, size_t n, bool write) {
    if (n == 0) return true;
    iovec here{local, n}, there{remote, n};
    ssize_t done = write ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                         : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    if (done == ssize_t(n)) return true;
    if (done < 0 && (errno == EPERM || errno == ENOSYS)) {
        memcpy(write ? remote : local, write ? local : remote, n);
        return true;
    }
    return false;
}

}  // namespace

bool readHost(void* to, const void* from, size_t n) { return transfer(to, const_cast<void*>(from), n, false); }

bool writableHost(void* at, size_t n) {
    if (n == 0) return true;
    for (u8* p : {static_cast<u8*>(at), static_cast<u8*>(at) + n - 1}) {
        u8 old;
        if (!transfer(&old, p, 1, false) || !transfer(&old, p, 1, true)) return false;
    }
    return true;
}

}  // namespace emu

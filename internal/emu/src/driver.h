// The state of the emulated driver and the frame in which every entry point runs.
#pragma once

#include <condition_variable>
#include <memory>
#include <vector>

#include "api.h"
#include "config.h"
#include "faults.h"
#include "handles.h"
#include "memory.h"
#include "result.h"
#include "stream.h"
#include "trap.h"

namespace emu {

// Codes that result.h, which serves the interpreter too, does not name.
constexpr int kErrorCaptureMerge = 902, kErrorCaptureIsolation = 905, kErrorCaptureWrongThread = 908;
constexpr int kErrorGraphUpdate = 910;

// Fail ends an entry point with a code. A detail is reported as a trap: it tells the caller of a misuse what it was.
struct Fail {
    int code;
    std::string detail;
};

// Context is the primary context of a device from its first retain to its last release. A later retain makes a new one,
// so that handles of the old one stay dead.
struct Context {
    static constexpr HandleKind kKind = kContext;
    struct Device* device = nullptr;
    CUcontext handle = nullptr;
    int error = CUDA_SUCCESS;  // sticky: once set, every later call answers it
    bool dead = false;
    std::vector<std::shared_ptr<Stream>> streams;  // those alive, or with work left; the first is the legacy stream
    std::map<u64, std::shared_ptr<Stream>> perThread;
    std::map<unsigned, size_t> limits;

    const std::shared_ptr<Stream>& legacy() const { return streams.front(); }
};

// HostAlloc is page-locked host memory. Its pages are unmapped when it is freed, so that a late use faults.
struct HostAlloc {
    u64 base = 0, size = 0, id = 0;
    unsigned flags = 0;
    const Context* owner = nullptr;
    bool contains(u64 addr, u64 n) const { return addr >= base && n <= size && addr - base <= size - n; }
};

struct Device {
    int ordinal;
    Memory memory;
    std::shared_ptr<Context> primary;  // null while nobody retains it
    u32 refs = 0, flags = 0;
    u32 epoch = 0;  // launches so far

    Device(int n, u64 bytes) : ordinal(n), memory(kGlobalBase + (u64(n) << 42), bytes) {}
};

// Driver is the whole state; one lock guards it, and work runs under that lock.
struct Driver {
    std::mutex lock;
    std::condition_variable_any wake;  // a hang ended, or a context died
    bool ready = false;
    Config config;
    std::vector<std::unique_ptr<Device>> devices;
    Handles handles;
    Faults faults;
    std::map<u64, HostAlloc> host;  // by base
    std::vector<std::shared_ptr<Context>> contexts;  // all that ever were: dead ones are still named by streams
    std::vector<std::weak_ptr<Capture>> captures;
    bool scripted = false;  // the fault script was read
    std::string scriptError;
    u64 hangs = 1;  // what hangs is marked with this number; "reset" moves on and so ends every hang
    u64 sequence = 0, ids = 0;

    Device* deviceOf(u64 addr);  // whose memory holds a device address, null for none
    const HostAlloc* hostAlloc(u64 addr) const;
};

Driver& driver();

// Thread is the calling thread's share of the state.
struct Thread {
    u64 id = 0;
    std::vector<std::shared_ptr<Context>> stack;
    unsigned captureMode = 0;
    bool inCallback = false;
};
Thread& thisThread();

// What an entry point needs, and what the frame does for it.
enum CallFlags : u32 {
    kNoInit = 1 << 0,    // works before cuInit
    kNeedCtx = 1 << 1,   // needs a current context, and answers its sticky error
    kRelease = 1 << 2,   // releases something: does so whatever it answers
    kUnsafe = 1 << 3,    // not allowed while this thread captures, see cuThreadExchangeStreamCaptureMode
    kEnqueues = 1 << 4,  // hangs, NaNs and sticky errors of the script befall the enqueued work, not the call
};

// Call is one entry into the driver.
struct Call {
    const char* name;
    Thread& thread;
    std::shared_ptr<Context> ctx;  // current context; null only without kNeedCtx
    Fault fault;                   // left for the body: of the enqueued work, or a hang of a synchronisation
    bool failing = false;          // a release that will answer an error whatever the body does

    Device& device() const { return *ctx->device; }
    // Lookups of the caller's handles. They throw INVALID_HANDLE for what was never handed out or is released, and
    // report a handle that belongs to another context than the current one.
    template <class T> std::shared_ptr<T> get(const void* h, bool anyContext = false) {
        return std::static_pointer_cast<T>(object(T::kKind, h, anyContext));
    }
    std::shared_ptr<Stream> stream(CUstream h);
    // enqueue gives work to a stream, or to the graph that the stream is being captured into.
    void enqueue(const std::shared_ptr<Stream>& s, std::shared_ptr<const Work> work);

private:
    std::shared_ptr<void> object(HandleKind kind, const void* h, bool anyContext);
};

using Body = void (*)(Call&, void* closure);
int enter(const char* name, u32 flags, u32 kinds, Body body, void* closure);

// run is the frame of an entry point: one lock, counters, faults, sticky errors, and exceptions as codes. The body
// returns nothing; it throws Fail.
template <class F> CUresult run(const char* name, u32 flags, u32 kinds, F body) {
    return CUresult(enter(name, flags, kinds, [](Call& c, void* f) { (*static_cast<F*>(f))(c); }, &body));
}

// need throws INVALID_VALUE unless ok holds.
inline void need(bool ok, const std::string& detail = "") {
    if (!ok) throw Fail{CUDA_ERROR_INVALID_VALUE, detail};
}

// sticky says whether a code, once met by a context, stays its answer.
bool sticky(int code);

Device& deviceAt(CUdevice ordinal);
// destroyContext frees everything in a context; pending work is dropped, hung or not.
void destroyContext(Context& ctx);
void freeHostOwned(const Context* ctx);
// loseContext sets a sticky error and drops what is queued.
void loseContext(Context& ctx, int code);
// complain writes one line to the report and counts a trap.
void complain(const std::string& line);
// waitForHang blocks until the script is reset or the context, if any, dies. The driver's lock is given up meanwhile.
void waitForHang(const Context* ctx);

}  // namespace emu

#include "driver.h"

#include <cstdlib>
#include <new>

#include "capture.h"

namespace emu {

Driver& driver() {
    static Driver* d = new Driver;  // never destroyed: threads may outlive static destructors
    return *d;
}

Thread& thisThread() {
    thread_local Thread t;
    return t;
}

void complain(const std::string& line) {
    counters().traps++;
    report(line);
}

bool sticky(int code) {
    switch (code) {
        case CUDA_ERROR_ECC_UNCORRECTABLE:
        case CUDA_ERROR_ILLEGAL_ADDRESS:
        case CUDA_ERROR_LAUNCH_TIMEOUT:
        case CUDA_ERROR_HARDWARE_STACK_ERROR:
        case CUDA_ERROR_ILLEGAL_INSTRUCTION:
        case CUDA_ERROR_MISALIGNED_ADDRESS:
        case 710:  // CUDA_ERROR_ASSERT
        case 717:  // CUDA_ERROR_INVALID_ADDRESS_SPACE
        case 718:  // CUDA_ERROR_INVALID_PC
        case CUDA_ERROR_LAUNCH_FAILED:
            return true;
    }
    return false;
}

void loseContext(Context& ctx, int code) {
    if (ctx.error == CUDA_SUCCESS) ctx.error = code;
    dropWork(ctx);
}

Device* Driver::deviceOf(u64 addr) {
    for (auto& d : devices)
        if (addr >= kGlobalBase + (u64(d->ordinal) << 42) && addr < kGlobalBase + (u64(d->ordinal + 1) << 42))
            return d.get();
    return nullptr;
}

const HostAlloc* Driver::hostAlloc(u64 addr) const {
    auto it = host.upper_bound(addr);
    if (it == host.begin()) return nullptr;
    --it;
    return it->second.contains(addr, 1) ? &it->second : nullptr;
}

Device& deviceAt(CUdevice ordinal) {
    Driver& d = driver();
    if (ordinal < 0 || size_t(ordinal) >= d.devices.size()) throw Fail{CUDA_ERROR_INVALID_DEVICE, ""};
    return *d.devices[size_t(ordinal)];
}

void waitForHang(const Context* ctx) {
    Driver& d = driver();
    u64 now = d.hangs;
    d.wake.wait(d.lock, [&] { return d.hangs != now || (ctx && ctx->dead); });
}

std::shared_ptr<void> Call::object(HandleKind kind, const void* h, bool anyContext) {
    const Handle* found = driver().handles.find(h);
    int code = kind == kContext ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_HANDLE;
    if (!found || found->kind != kind)
        throw Fail{code, h ? "bad handle: " + hex(u64(h)) + " is no " + kindName(kind) : ""};
    if (!found->object) throw Fail{code, std::string("bad handle: the ") + kindName(kind) + " is released"};
    if (!anyContext && found->owner && found->owner != ctx.get())
        throw Fail{code, std::string("handle of another context: the ") + kindName(kind) + " belongs to device " +
                             std::to_string(found->owner->device->ordinal) + ", current is device " +
                             std::to_string(ctx->device->ordinal)};
    return found->object;
}

namespace {

// meet applies a scripted fault: the code that the call answers at once, or 0 when the body deals with it.
int meet(Call& c, const Fault& f, u32 flags, u32 kinds) {
    counters().faults++;
    bool live = c.ctx && !c.ctx->dead;
    switch (f.what) {
        case Fault::Lost:
            if (live) loseContext(*c.ctx, CUDA_ERROR_LAUNCH_FAILED);
            return CUDA_ERROR_LAUNCH_FAILED;
        case Fault::Code:
            if ((flags & kEnqueues) && sticky(f.code)) break;
            if (live && sticky(f.code)) loseContext(*c.ctx, f.code);
            return f.code;
        case Fault::Hang:
            if ((flags & kEnqueues) || (kinds & kSync)) break;
            waitForHang(live ? c.ctx.get() : nullptr);
            return 0;
        default: break;
    }
    c.fault = f;
    return 0;
}

int guarded(Call& c, Body body, void* closure) {
    try {
        body(c, closure);
        return CUDA_SUCCESS;
    } catch (const Fail& f) {
        if (!f.detail.empty()) complain(std::string(c.name) + ": " + f.detail);
        return f.code;
    } catch (const std::bad_alloc&) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    } catch (const std::exception& e) {
        complain(std::string(c.name) + ": " + e.what());
        return CUDA_ERROR_UNKNOWN;
    }
}

int perform(Call& c, u32 flags, u32 kinds, Body body, void* closure) {
    Driver& d = driver();
    Fault fault = d.faults.next(kinds);
    if (!d.ready && !(flags & kNoInit)) return CUDA_ERROR_NOT_INITIALIZED;
    if (!c.thread.stack.empty()) c.ctx = c.thread.stack.back();
    int early = CUDA_SUCCESS;
    if (flags & kNeedCtx) {
        if (!c.ctx) return CUDA_ERROR_INVALID_CONTEXT;
        if (c.ctx->dead) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
        early = c.ctx->error;
    }
    if (fault && early == CUDA_SUCCESS) early = meet(c, fault, flags, kinds);
    if (early == CUDA_SUCCESS && (flags & kUnsafe)) {
        int refused = refuseWhileCapturing(c.thread);
        if (refused != CUDA_SUCCESS) return refused;
    }
    // A release happens even so, as the manual allows: its code then tells of earlier work.
    if (early != CUDA_SUCCESS && !(flags & kRelease)) return early;
    c.failing = early != CUDA_SUCCESS;
    int code = guarded(c, body, closure);
    if (early != CUDA_SUCCESS) return early;
    return (flags & kNeedCtx) && c.ctx->error != CUDA_SUCCESS ? c.ctx->error : code;
}

// readScript reads the script of the environment before the first call, cuInit included, is counted.
void readScript(Driver& d) {
    if (d.scripted) return;
    d.scripted = true;
    try {
        const char* script = getenv("CUDIFFUSE_EMU_FAULTS");
        d.faults.set(script ? script : "");
    } catch (const std::exception& e) {
        d.scriptError = std::string("CUDIFFUSE_EMU_FAULTS: ") + e.what();
    }
}

void initialise(Driver& d) {
    if (d.ready) return;
    if (!d.scriptError.empty()) throw Fail{CUDA_ERROR_INVALID_VALUE, d.scriptError};
    try {
        const char* text = getenv("CUDIFFUSE_EMU");
        d.config = parseConfig(text ? text : "");
    } catch (const std::exception& e) {
        throw Fail{CUDA_ERROR_INVALID_VALUE, e.what()};
    }
    if (d.config.init) throw Fail{int(d.config.init), ""};
    if (d.config.devices == 0) throw Fail{CUDA_ERROR_NO_DEVICE, ""};
    for (u32 n = 0; n < d.config.devices; ++n) d.devices.emplace_back(new Device(int(n), d.config.memory));
    d.ready = true;
}

}  // namespace

int enter(const char* name, u32 flags, u32 kinds, Body body, void* closure) {
    Thread& t = thisThread();
    if (t.inCallback) return CUDA_ERROR_NOT_PERMITTED;  // the manual forbids it; the lock is held
    Driver& d = driver();
    std::lock_guard<std::mutex> hold(d.lock);
    readScript(d);
    if (!t.id) t.id = ++d.ids;
    counters().calls++;
    Call c{name, t, nullptr, {}, false};
    int code = perform(c, flags, kinds, body, closure);
    if ((flags & kRelease) || (kinds & kSync)) saveCounters();
    return code;
}

EMU_API CUresult cuInit(unsigned flags) {
    return run("cuInit", kNoInit, 0, [&](Call&) {
        need(flags == 0);
        initialise(driver());
    });
}

EMU_API CUresult cuDriverGetVersion(int* version) {
    return run("cuDriverGetVersion", kNoInit, 0, [&](Call&) {
        need(version);
        const char* text = getenv("CUDIFFUSE_EMU");  // may be asked before cuInit
        *version = int(driver().ready ? driver().config.driver : parseConfig(text ? text : "").driver);
    });
}

}  // namespace emu

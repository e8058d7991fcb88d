// The entry points of cuDNN: handles, descriptors, execution.
#include <unordered_map>

#include "cudnn_execute.h"
#include "host_memory.h"

namespace emu::cudnn {
namespace {

// Handle is what cudnnCreate makes. Its pointer is never handed out again.
struct Handle {
    std::shared_ptr<Context> ctx;
    CUstream stream = nullptr;
};

std::unordered_map<const void*, std::unique_ptr<Handle>>& handles() {
    static auto* all = new std::unordered_map<const void*, std::unique_ptr<Handle>>;
    return *all;
}

Handle& handle(const void* h) {
    auto it = handles().find(h);
    want(it != handles().end() && it->second, "no cuDNN handle, or one that was destroyed");
    return *it->second;
}

Descriptor& descriptor(const void* d) {
    std::shared_ptr<Descriptor> found = find(d);
    want(found != nullptr, d ? "no descriptor, or one that was destroyed" : "no descriptor",
         d ? CUDNN_STATUS_BAD_PARAM : CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    return *found;
}

// inDriver runs a body as a call of the driver. A failure becomes a refusal.
template <class F>
void inDriver(const char* name, u32 flags, u32 kinds, F body) {
    int code = int(run(name, flags, kinds, body));
    const char* known = resultName(code);
    want(code == CUDA_SUCCESS, std::string("the driver answers ") + (known ? known : std::to_string(code).c_str()),
         CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER);
}

void sameContext(const Call& c, const Handle& h) {
    need(c.ctx == h.ctx, "the cuDNN handle belongs to another context than the current one");
}

std::shared_ptr<PlanWork> prepare(const std::shared_ptr<Descriptor>& planned, const Pack& pack) {
    auto w = std::make_shared<PlanWork>();
    w->plan = planned->result<Plan>();
    w->descriptor = planned;
    w->workspace = pack.workspace;
    want(!w->plan->engine.workspace() || pack.workspace,
         w->name() + " needs " + std::to_string(w->plan->engine.workspace()) + " bytes of workspace, and has none");
    for (const TensorRef& t : w->plan->graph().operands) {
        auto it = pack.pointers.find(t->uid);
        want(it != pack.pointers.end() && it->second,
             w->name() + ": the variant pack has no pointer for " + describe(*t));
        if (t->byValue)
            want(readHost(&w->scalars[t->uid], reinterpret_cast<const void*>(it->second), size_t(t->size())),
                 w->name() + ": " + describe(*t) + " is given by value at an address of the host that cannot be read");
        else w->pointers[t->uid] = it->second;
    }
    return w;
}

void execute(Handle& h, const std::shared_ptr<Descriptor>& planned, const std::shared_ptr<Descriptor>& packed) {
    want(planned && planned->kind == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR && packed &&
             packed->kind == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
         "no plan, or no variant pack");
    want(planned->finalized && packed->finalized, "a plan or a variant pack that is not finalized",
         CUDNN_STATUS_NOT_INITIALIZED);
    std::shared_ptr<PlanWork> w = prepare(planned, *packed->result<Pack>());
    u32 sm = driver().config.sm;
    want(w->plan->engine.sm == sm,
         w->name() + " is for sm_" + std::to_string(w->plan->engine.sm) + ", the device is sm_" + std::to_string(sm),
         CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    inDriver("cudnnBackendExecute", kNeedCtx | kEnqueues, kLaunch, [&](Call& c) {
        sameContext(c, h);
        std::shared_ptr<Stream> s = c.stream(h.stream);
        for (const TensorRef& t : w->plan->graph().operands)
            if (!t->byValue)
                need(driver().deviceOf(w->pointers[t->uid]) == &c.device(), w->name() + ": " + describe(*t) + ": " +
                                                                                hex(w->pointers[t->uid]) +
                                                                                " is no memory of the current device");
        c.enqueue(s, w);
    });
}

}  // namespace

u32 smOf(void* h) {
    handle(h);
    return driver().config.sm;
}

EMU_API size_t cudnnGetVersion(void) {
    size_t v = 0;
    guarded("cudnnGetVersion", [&] { v = version(); });
    return v;
}

EMU_API size_t cudnnGetCudartVersion(void) { return 13050; }

EMU_API cudnnStatus_t cudnnCreate(cudnnHandle_t* h) {
    return guarded("cudnnCreate", [&] {
        want(h != nullptr, "no place for the handle", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        auto made = std::make_unique<Handle>();
        inDriver("cudnnCreate", kNeedCtx | kUnsafe, 0, [&](Call& c) { made->ctx = c.ctx; });
        *h = reinterpret_cast<cudnnHandle_t>(new char);  // never deleted
        handles()[*h] = std::move(made);
        counters().cudnnHandles++;
    });
}

EMU_API cudnnStatus_t cudnnDestroy(cudnnHandle_t h) {
    return guarded("cudnnDestroy", [&] {
        std::shared_ptr<Context> ctx = handle(h).ctx;
        handles()[h] = nullptr;
        counters().cudnnHandles--;
        // It waits for the device.
        inDriver("cudnnDestroy", kNeedCtx | kRelease | kUnsafe, 0, [&](Call& c) {
            if (c.ctx != ctx) return;
            counters().implicitSyncs++;
            drainContext(*ctx);
        });
    });
}

EMU_API cudnnStatus_t cudnnSetStream(cudnnHandle_t h, cudaStream_t stream) {
    return guarded("cudnnSetStream", [&] {
        Handle& to = handle(h);
        inDriver("cudnnSetStream", kNeedCtx, 0, [&](Call& c) {
            sameContext(c, to);
            c.stream(stream);
            to.stream = stream;
        });
    });
}

EMU_API cudnnStatus_t cudnnGetStream(cudnnHandle_t h, cudaStream_t* stream) {
    return guarded("cudnnGetStream", [&] {
        want(stream != nullptr, "no place for the stream", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        *stream = handle(h).stream;
    });
}

EMU_API cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t kind, cudnnBackendDescriptor_t* made) {
    return guarded("cudnnBackendCreateDescriptor", [&] {
        want(made != nullptr, "no place for the descriptor", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        want(specs(int(kind)) != nullptr, "descriptors of type " + std::to_string(int(kind)) + " are not emulated",
             CUDNN_STATUS_NOT_SUPPORTED);
        auto d = std::make_shared<Descriptor>();
        d->kind = int(kind);
        *made = add(d);
    });
}

EMU_API cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d) {
    return guarded("cudnnBackendDestroyDescriptor", [&] { release(d); });
}

EMU_API cudnnStatus_t cudnnBackendInitialize(cudnnBackendDescriptor_t d) {
    return guarded("cudnnBackendInitialize", [&] {
        Descriptor& again = descriptor(d);
        again.attributes.clear();
        again.made = nullptr;
        again.finalized = false;
    });
}

EMU_API cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d) {
    return guarded("cudnnBackendFinalize", [&] { finish(descriptor(d)); });
}

EMU_API cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                               cudnnBackendAttributeType_t type, int64_t count, const void* elements) {
    return guarded("cudnnBackendSetAttribute",
                   [&] { setAttribute(descriptor(d), int(name), int(type), count, elements); });
}

EMU_API cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                               cudnnBackendAttributeType_t type, int64_t room, int64_t* count,
                                               void* elements) {
    return guarded("cudnnBackendGetAttribute",
                   [&] { getAttribute(descriptor(d), int(name), int(type), room, count, elements); });
}

EMU_API cudnnStatus_t cudnnBackendExecute(cudnnHandle_t h, cudnnBackendDescriptor_t plan,
                                          cudnnBackendDescriptor_t pack) {
    return guarded("cudnnBackendExecute", [&] {
        want(h != nullptr, "no handle", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        execute(handle(h), find(plan), find(pack));
    });
}

}  // namespace emu::cudnn

// An execution of a plan: operands are checked byte by byte as a kernel's accesses are, then it is computed.
#include "cudnn_execute.h"

#include <algorithm>

#include "cudnn_compute.h"

namespace emu::cudnn {
namespace {

constexpr u8 kPoison = 0xff;  // what an engine leaves in its workspace: NaN in every format

Value compute(const Operation& op, const std::vector<Source>& in) {
    switch (op.kind) {
        case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: return convolve(op, in);
        case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR: return multiply(op, in);
        case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: return pointwise(op, in);
        case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: return reduce(op, in);
        case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR: return normalise(op, in);
        case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR: return attend(op, in);
    }
    return resample(op, in);
}

// Place is an operand's memory.
struct Place {
    Alloc* alloc = nullptr;
    u64 offset = 0;
    u8* data() const { return alloc->data + offset; }
    u8* init() const { return alloc->init + offset; }
};

struct Run {
    const PlanWork& work;
    Memory& memory;
    std::map<i64, Place> places;

    std::string who(const Tensor& t) const { return work.name() + ": " + describe(t); }
    Place place(u64 addr, u64 n, u64 align, const std::string& what);
    void operands();
    void workspace();
    // overlap says whether two ranges of bytes have one in common.
    static bool overlap(u64 a, u64 n, u64 b, u64 m) { return a < b + m && b < a + n; }
    void initialised(const Tensor& t);
    // shared says whether a result has a byte in common with an operand that is not read element by element.
    bool shared(const Tensor& in, const Tensor& out);
    void hazards();
    void execute(const Fault& fault);
};

Place Run::place(u64 addr, u64 n, u64 align, const std::string& what) {
    if (addr % align)
        throw Fail{CUDA_ERROR_MISALIGNED_ADDRESS,
                   "misaligned: " + what + ": " + hex(addr) + " is no multiple of " + std::to_string(align)};
    Alloc* a = memory.find(addr);
    if (!a) a = memory.nearest(addr);
    if (a && a->freed && addr - a->base <= a->size)
        throw Fail{CUDA_ERROR_ILLEGAL_ADDRESS, "use after free: " + what + ": " + memory.describe(addr)};
    if (!a || !a->contains(addr, n))
        throw Fail{CUDA_ERROR_ILLEGAL_ADDRESS,
                   "out-of-bounds: " + what + ": " + std::to_string(n) + " bytes: " + memory.describe(addr)};
    return {a, addr - a->base};
}

void Run::operands() {
    const Graph& g = work.plan->graph();
    for (const TensorRef& t : g.operands)
        if (!t->byValue) places[t->uid] = place(work.pointers.at(t->uid), u64(t->span()), u64(t->align), who(*t));
    const Tensor& y = *g.ops.back()->out;
    if (places[y.uid].alloc->readOnly)
        throw Fail{CUDA_ERROR_ILLEGAL_ADDRESS,
                   "read-only: " + who(y) + ": a store to constant " + places[y.uid].alloc->label};
}

void Run::workspace() {
    u64 n = work.plan->engine.workspace();
    if (!n) return;
    Place p = place(work.workspace, n, 16, work.name() + ": workspace");
    for (const TensorRef& t : work.plan->graph().operands)
        if (!t->byValue && overlap(work.workspace, n, work.pointers.at(t->uid), u64(t->span())))
            throw Fail{CUDA_ERROR_LAUNCH_FAILED, "overlap: " + who(*t) + " and the workspace"};
    memset(p.data(), kPoison, n);
    p.alloc->mark(p.offset, n, false);
}

void Run::initialised(const Tensor& t) {
    u8* init = places[t.uid].init();
    Walk<1>(t.dims, {t.strides}).run([&](i64 n, const auto& at, const auto& step) {
        i64 size = t.size(), runs = step[0] == 1 ? 1 : n, bytes = step[0] == 1 ? n * size : size;
        for (i64 k = 0; k < runs; ++k) {
            u8* from = init + (at[0] + k * step[0]) * size;
            const void* unwritten = memchr(from, 0, size_t(bytes));
            if (!unwritten) continue;
            u64 addr = work.pointers.at(t.uid) + u64(static_cast<const u8*>(unwritten) - init);
            throw Fail{CUDA_ERROR_LAUNCH_FAILED,
                       "uninitialised: " + who(t) + ": nobody wrote " + memory.describe(addr)};
        }
    });
}

bool Run::shared(const Tensor& in, const Tensor& out) {
    u64 a = work.pointers.at(in.uid), b = work.pointers.at(out.uid);
    if (!overlap(a, u64(in.span()), b, u64(out.span()))) return false;
    std::vector<u8> touched(size_t(out.span()));
    Walk<1>(out.dims, {out.strides}).run([&](i64 n, const auto& at, const auto& step) {
        for (i64 k = 0; k < n; ++k) memset(&touched[size_t((at[0] + k * step[0]) * out.size())], 1, size_t(out.size()));
    });
    bool found = false;
    Walk<1>(in.dims, {in.strides}).run([&](i64 n, const auto& at, const auto& step) {
        for (i64 k = 0; k < n; ++k)
            for (i64 byte = 0; byte < in.size(); ++byte) {
                u64 offset = a + u64((at[0] + k * step[0]) * in.size() + byte) - b;
                found = found || (offset < touched.size() && touched[offset]);
            }
    });
    return found;
}

// hazards: an engine may have written part of its result before it reads an operand's last element. Element by element,
// in place, is fine.
void Run::hazards() {
    const Graph& g = work.plan->graph();
    const Tensor& y = *g.ops.back()->out;
    for (const OperationRef& op : g.ops)
        for (const TensorRef& t : op->in) {
            if (t->isVirtual || t->byValue) continue;
            bool same = work.pointers.at(t->uid) == work.pointers.at(y.uid) && t->strides == y.strides &&
                        t->dims == y.dims && t->type == y.type;
            bool inPlace = same && op->kind == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
            if (!inPlace && shared(*t, y))
                throw Fail{CUDA_ERROR_LAUNCH_FAILED,
                           "overlap: " + who(*t) + " has memory in common with the result, " + describe(y)};
        }
}

void Run::execute(const Fault& fault) {
    const Graph& g = work.plan->graph();
    const Tensor& y = *g.ops.back()->out;
    std::map<i64, Value> values;
    u64 read = 0;
    for (const TensorRef& t : g.operands)
        if (!t->byValue && t->uid != y.uid) read += u64(t->count() * t->size());
    for (const OperationRef& op : g.ops) {
        std::vector<Source> in;
        for (const TensorRef& t : op->in) {
            if (t->isVirtual) in.push_back(values.at(t->uid).source(*t));
            else if (t->byValue)
                in.push_back({t.get(), reinterpret_cast<const u8*>(&work.scalars.at(t->uid)), nullptr, t->strides});
            else in.push_back({t.get(), places[t->uid].data(), nullptr, t->strides});
        }
        Value v = compute(*op, in);
        if (op->out->isVirtual) roundTo(op->out->type, v.data.get(), op->out->count());
        values[op->out->uid] = std::move(v);
    }
    Place to = places[y.uid];
    Value& v = values.at(y.uid);
    if (fault.what == Fault::NaN) v.data[0] = bits<float>(0x7fffffffu);  // as a script asked
    pack(v, y, to.data());
    Walk<1>(y.dims, {y.strides}).run([&](i64 n, const auto& at, const auto& step) {
        u8* init = to.init() + at[0] * y.size();
        if (step[0] == 1) memset(init, 1, size_t(n * y.size()));
        else
            for (i64 k = 0; k < n; ++k) memset(init + k * step[0] * y.size(), 1, size_t(y.size()));
    });
    counters().planReadBytes += read;
    counters().planWriteBytes += u64(y.count() * y.size());
}

}  // namespace

std::string PlanWork::name() const { return "cuDNN plan " + plan->graph().name(); }

void PlanWork::run(Context& ctx, const Fault& fault) const {
    if (descriptor->destroyed)
        throw Fail{CUDA_ERROR_LAUNCH_FAILED, "use after free: " + name() + ": the plan was destroyed before it ran"};
    ++ctx.device->epoch;
    Run r{*this, ctx.device->memory, {}};
    r.operands();
    r.workspace();
    const Tensor& y = *plan->graph().ops.back()->out;
    for (const TensorRef& t : plan->graph().operands)
        if (!t->byValue && t->uid != y.uid && !driver().config.uninit) r.initialised(*t);
    r.hazards();
    r.execute(fault);
}

}  // namespace emu::cudnn

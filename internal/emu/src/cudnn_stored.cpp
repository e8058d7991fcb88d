// Plans as JSON. Real plans hold compiled code; these hold the graph.
#include "cudnn_graph.h"
#include "cudnn_json.h"

namespace emu::cudnn {
namespace {

std::string tensorText(const Tensor& t) {
    return "{\"uid\":" + std::to_string(t.uid) + ",\"align\":" + std::to_string(t.align) +
           ",\"type\":" + std::to_string(t.type) + ",\"virtual\":" + std::to_string(t.isVirtual) +
           ",\"by_value\":" + std::to_string(t.byValue) + ",\"dims\":" + text(t.dims) +
           ",\"strides\":" + text(t.strides) + "}";
}

TensorRef tensorFrom(const Json& j) {
    auto t = std::make_shared<Tensor>();
    t->uid = j.member("uid").integer();
    t->align = j.member("align").integer();
    t->type = int(j.member("type").integer());
    t->isVirtual = j.member("virtual").integer() != 0;
    t->byValue = j.member("by_value").integer() != 0;
    t->dims = j.member("dims").integers();
    t->strides = j.member("strides").integers();
    return t;
}

}  // namespace

std::string planText(const Plan& p, u64 version) {
    std::string s = "{\"emulated_cudnn_plan\":1,\"version\":" + std::to_string(version) +
                    ",\"sm\":" + std::to_string(p.engine.sm) + ",\"engine\":" + std::to_string(p.engine.index) +
                    ",\"operations\":[";
    for (const OperationRef& op : p.graph().ops) {
        s += std::string(op == p.graph().ops.front() ? "" : ",") + "{\"kind\":" + std::to_string(op->kind) +
             ",\"numbers\":" + text(op->numbers) + ",\"out\":" + tensorText(*op->out) + ",\"in\":[";
        for (size_t k = 0; k < op->in.size(); ++k) s += (k ? "," : "") + tensorText(*op->in[k]);
        s += "]}";
    }
    return s + "]}";
}

std::shared_ptr<const Plan> planFrom(const std::string& text, u64 version) {
    try {
        Json j = parseJson(text);
        want(j.member("emulated_cudnn_plan").integer() == 1, "a plan of another format");
        i64 of = j.member("version").integer();
        want(of == i64(version), "a plan of cuDNN " + std::to_string(of) + ", this is " + std::to_string(version),
             CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH);
        auto p = std::make_shared<Plan>();
        std::vector<OperationRef> ops;
        for (const Json& o : j.member("operations").elements()) {
            auto op = std::make_shared<Operation>();
            op->kind = int(o.member("kind").integer());
            op->numbers = o.member("numbers").integers();
            op->out = tensorFrom(o.member("out"));
            for (const Json& t : o.member("in").elements()) op->in.push_back(tensorFrom(t));
            ops.push_back(op);
        }
        want(!ops.empty(), "a plan without operations");
        p->engine.sm = u32(j.member("sm").integer());
        p->engine.index = j.member("engine").integer();
        p->engine.graph = graphOf(ops, p->engine.sm);
        return p;
    } catch (const std::invalid_argument& e) {
        throw Refusal{CUDNN_STATUS_BAD_PARAM, std::string("no stored plan: ") + e.what()};
    }
}

}  // namespace emu::cudnn

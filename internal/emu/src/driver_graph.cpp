// Graphs: made by capture, instantiated, replayed.
#include <algorithm>

#include "capture.h"

namespace emu {

GraphObject::~GraphObject() {
    for (void* h : handles) driver().handles.release(h);
}

namespace {

// GraphWork is one replay.
struct GraphWork : Work {
    std::shared_ptr<const std::vector<GraphNode>> nodes;

    Type type() const override { return Graph; }
    std::string name() const override { return "graph of " + std::to_string(nodes->size()) + " nodes"; }
    void count() const override {
        counters().graphLaunches++;
        for (const GraphNode& n : *nodes) n.work->count();
    }
    void run(Context& ctx, const Fault& fault) const override {
        Fault once = fault;  // a scripted NaN befalls the first kernel
        for (const GraphNode& n : *nodes) {
            bool here = once && n.work->type() == Kernel;
            n.work->run(ctx, here ? once : n.fault);
            if (here) once = {};
        }
    }
};

void instantiate(Call& c, CUgraphExec* out, CUgraph graph, u64 flags) {
    need(out);
    // AUTO_FREE_ON_LAUNCH, UPLOAD and USE_NODE_PRIORITY change nothing here; DEVICE_LAUNCH is not there.
    if (flags & ~u64(1 | 2 | 8)) throw Fail{CUDA_ERROR_NOT_SUPPORTED, ""};
    auto exec = std::make_shared<GraphExec>();
    exec->nodes = std::make_shared<std::vector<GraphNode>>(c.get<GraphObject>(graph)->nodes);
    *out = static_cast<CUgraphExec>(driver().handles.add(kGraphExec, c.ctx.get(), exec));
}

void launch(Call& c, CUgraphExec exec, CUstream stream) {
    auto w = std::make_shared<GraphWork>();
    w->nodes = c.get<GraphExec>(exec)->nodes;
    c.enqueue(c.stream(stream), w);
}

// sameShape says whether an instantiated graph can take over the parameters of another.
bool sameShape(const std::vector<GraphNode>& a, const std::vector<GraphNode>& b) {
    if (a.size() != b.size()) return false;
    for (size_t k = 0; k < a.size(); ++k)
        if (a[k].deps != b[k].deps || a[k].work->type() != b[k].work->type()) return false;
    return true;
}

CUgraphNode nodeHandle(GraphObject& g, size_t node) {
    while (g.handles.size() < g.nodes.size()) {
        auto h = std::make_shared<NodeHandle>();
        h->type = g.nodes[g.handles.size()].work->type();
        g.handles.push_back(driver().handles.add(kNode, nullptr, h));
    }
    return static_cast<CUgraphNode>(g.handles[node]);
}

// give fills an array of the caller, or says how long it must be.
void give(const std::vector<CUgraphNode>& all, CUgraphNode* out, size_t room) {
    for (size_t k = 0; out && k < room; ++k) out[k] = k < all.size() ? all[k] : nullptr;
}

void getNodes(Call& c, CUgraph graph, CUgraphNode* nodes, size_t* n) {
    need(n);
    std::shared_ptr<GraphObject> g = c.get<GraphObject>(graph, true);
    std::vector<CUgraphNode> all;
    for (size_t k = 0; k < g->nodes.size(); ++k) all.push_back(nodeHandle(*g, k));
    give(all, nodes, *n);
    *n = nodes ? std::min(*n, all.size()) : all.size();
}

void getEdges(Call& c, CUgraph graph, CUgraphNode* from, CUgraphNode* to, size_t* n) {
    need(n && !from == !to);
    std::shared_ptr<GraphObject> g = c.get<GraphObject>(graph, true);
    std::vector<CUgraphNode> heads, tails;
    for (size_t k = 0; k < g->nodes.size(); ++k)
        for (u32 dep : g->nodes[k].deps) {
            heads.push_back(nodeHandle(*g, dep));
            tails.push_back(nodeHandle(*g, k));
        }
    give(heads, from, *n);
    give(tails, to, *n);
    *n = from ? std::min(*n, heads.size()) : heads.size();
}

}  // namespace
EMU_API CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
    return run("cuGraphCreate", 0, kGraphCall, [&](Call&) {
        need(graph && flags == 0);
        *graph = static_cast<CUgraph>(driver().handles.add(kGraph, nullptr, std::make_shared<GraphObject>()));
    });
}

EMU_API CUresult cuGraphDestroy(CUgraph graph) {
    return run("cuGraphDestroy", kRelease, kGraphCall, [&](Call& c) {
        c.get<GraphObject>(graph, true);
        driver().handles.release(graph);
    });
}

EMU_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* n) {
    return run("cuGraphGetNodes", 0, kGraphCall, [&](Call& c) { getNodes(c, graph, nodes, n); });
}

EMU_API CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode* from, CUgraphNode* to, size_t* n) {
    return run("cuGraphGetEdges", 0, kGraphCall, [&](Call& c) { getEdges(c, graph, from, to, n); });
}

EMU_API CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data,
                                    size_t* n) {
    return run("cuGraphGetEdges_v2", 0, kGraphCall, [&](Call& c) {
        if (data) throw Fail{CUDA_ERROR_NOT_SUPPORTED, ""};  // captured edges have no data
        getEdges(c, graph, from, to, n);
    });
}

EMU_API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
    return run("cuGraphNodeGetType", 0, kGraphCall, [&](Call& c) {
        need(type);
        *type = CUgraphNodeType(c.get<NodeHandle>(node, true)->type);
    });
}

EMU_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
    return run("cuGraphInstantiateWithFlags", kNeedCtx, kGraphCall,
               [&](Call& c) { instantiate(c, exec, graph, flags); });
}

EMU_API CUresult cuGraphInstantiateWithParams(CUgraphExec* exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* p) {
    return run("cuGraphInstantiateWithParams", kNeedCtx, kGraphCall, [&](Call& c) {
        need(p);
        instantiate(c, exec, graph, p->flags);
        p->hErrNode_out = nullptr;
        p->result_out = CUgraphInstantiateResult(0);
    });
}

EMU_API CUresult cuGraphInstantiate(CUgraphExec* exec, CUgraph graph, CUgraphNode* node, char* log, size_t n) {
    return run("cuGraphInstantiate", kNeedCtx, kGraphCall, [&](Call& c) {
        if (node) *node = nullptr;
        if (log && n) *log = 0;
        instantiate(c, exec, graph, 0);
    });
}

EMU_API CUresult cuGraphInstantiate_v2(CUgraphExec* exec, CUgraph graph, CUgraphNode* node, char* log, size_t n) {
    return cuGraphInstantiate(exec, graph, node, log, n);
}

EMU_API CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
    return run("cuGraphUpload", kNeedCtx, kGraphCall, [&](Call& c) {
        c.get<GraphExec>(exec);
        c.stream(stream);
    });
}

EMU_API CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
    return run("cuGraphLaunch", kNeedCtx | kEnqueues, kGraphCall | kLaunch,
               [&](Call& c) { launch(c, exec, stream); });
}

EMU_API CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo* info) {
    return run("cuGraphExecUpdate_v2", kNeedCtx, kGraphCall, [&](Call& c) {
        need(info);
        *info = CUgraphExecUpdateResultInfo();
        std::shared_ptr<GraphExec> e = c.get<GraphExec>(exec);
        std::shared_ptr<GraphObject> g = c.get<GraphObject>(graph);
        if (sameShape(*e->nodes, g->nodes)) {
            e->nodes = std::make_shared<std::vector<GraphNode>>(g->nodes);
            return;
        }
        info->result = CUgraphExecUpdateResult(2);  // CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED
        throw Fail{kErrorGraphUpdate, ""};
    });
}

EMU_API CUresult cuGraphExecDestroy(CUgraphExec exec) {
    return run("cuGraphExecDestroy", kNeedCtx | kRelease, kGraphCall, [&](Call& c) {
        c.get<GraphExec>(exec);
        driver().handles.release(exec);
    });
}

}  // namespace emu

// From operation graphs to plans: devices, heuristics, engines, variant packs, and the finalising of all.
#include <cstdlib>
#include <set>

#include "config.h"
#include "cudnn_graph.h"
#include "cudnn_json.h"

namespace emu::cudnn {
namespace {

constexpr i64 kFirst = 1, kConfigs = 3, kFallback = 4;  // engines: those of the heuristics, then that of the fallback

Config settings() {
    const char* text = getenv("CUDIFFUSE_EMU");
    return parseConfig(text ? text : "");
}

template <class T>
void store(Descriptor& d, int name, int type, const std::vector<T>& v) {
    Attribute& a = d.attributes[name];
    a.type = type;
    a.count = i64(v.size());
    a.bytes.resize(v.size() * sizeof(T));
    if (!v.empty()) memcpy(a.bytes.data(), v.data(), a.bytes.size());
}

void refer(Descriptor& d, int name, std::vector<std::shared_ptr<Descriptor>> refs) {
    Attribute& a = d.attributes[name];
    a.type = CUDNN_TYPE_BACKEND_DESCRIPTOR;
    a.count = i64(refs.size());
    a.refs = std::move(refs);
}

void finishEngine(Descriptor& d, const Engine& e) {
    store(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector<i64>{e.index});
    store(d, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, std::vector<i32>{});
    d.made = std::make_shared<Engine>(e);
    d.finalized = true;
}

std::string characters(const Descriptor& d, int name) {
    std::vector<char> c = d.list<char>(name);
    return std::string(c.begin(), c.end()).c_str();  // up to its zero
}

}  // namespace

u64 version() { return settings().cudnn; }

u64 Engine::workspace() const {
    bool norm = graph->ops.front()->kind == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR;
    return index == 2 || norm ? 64 << 10 : 0;
}

void finishGraph(Descriptor& d) {
    std::vector<OperationRef> ops;
    for (const auto& r : d.need(CUDNN_ATTR_OPERATIONGRAPH_OPS).refs) ops.push_back(r->result<Operation>());
    u32 sm = d.has(CUDNN_ATTR_OPERATIONGRAPH_HANDLE) ? smOf(d.one<void*>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE)) : 0;
    d.made = graphOf(ops, sm);
    store(d, CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_TYPE_INT64, std::vector<i64>{kFallback});
}

void finishDevice(Descriptor& d) {
    auto p = std::make_shared<DeviceProperties>();
    if (d.has(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)) {
        Json j = parseJson(characters(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION));
        p->sm = u32(j.member("deviceVer").integer() / 10);
    } else if (d.has(CUDNN_ATTR_DEVICEPROP_HANDLE)) {
        p->sm = smOf(d.one<void*>(CUDNN_ATTR_DEVICEPROP_HANDLE));
    } else {
        d.need(CUDNN_ATTR_DEVICEPROP_DEVICE_ID);
        p->sm = settings().sm;
    }
    d.made = p;
}

std::shared_ptr<Descriptor> engineConfig(const Engine& e) {
    auto engine = std::make_shared<Descriptor>(), config = std::make_shared<Descriptor>();
    engine->kind = CUDNN_BACKEND_ENGINE_DESCRIPTOR;
    finishEngine(*engine, e);
    config->kind = CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
    refer(*config, CUDNN_ATTR_ENGINECFG_ENGINE, {engine});
    config->made = engine->made;
    config->finalized = true;
    return config;
}

void finishHeuristic(Descriptor& d) {
    GraphRef g = d.refMade<Graph>(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    auto device = d.refMade<DeviceProperties>(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
    u32 sm = device ? device->sm : g->sm;
    want(sm != 0, "neither a description of the device nor a graph with a handle");
    int mode = d.one<i32>(CUDNN_ATTR_ENGINEHEUR_MODE);
    want(mode == CUDNN_HEUR_MODE_A || mode == CUDNN_HEUR_MODE_INSTANT || mode == CUDNN_HEUR_MODE_FALLBACK,
         "heuristic mode " + std::to_string(mode), CUDNN_STATUS_NOT_SUPPORTED);
    const Operation& first = *g->ops.front();
    if (first.kind == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR)
        want(first.numbers[0] == CUDNN_LAYER_NORM || first.numbers[0] == CUDNN_RMS_NORM,
             "no engine for norm mode " + std::to_string(first.numbers[0]), CUDNN_STATUS_NOT_SUPPORTED);
    std::vector<std::shared_ptr<Descriptor>> results;
    std::string why = unsupported(*g, sm, settings().cudnnNearest);
    if (!why.empty()) remember("no engine: " + why);  // the status is a success all the same
    for (i64 k = 0; why.empty() && k < (mode == CUDNN_HEUR_MODE_FALLBACK ? 1 : kConfigs); ++k)
        results.push_back(engineConfig({g, mode == CUDNN_HEUR_MODE_FALLBACK ? kFallback : kFirst + k, sm}));
    refer(d, CUDNN_ATTR_ENGINEHEUR_RESULTS, results);
}

void finishPlan(Descriptor& d) {
    auto p = std::make_shared<Plan>();
    auto device = d.refMade<DeviceProperties>(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
    u32 sm = device ? device->sm : 0;
    if (d.has(CUDNN_ATTR_EXECUTION_PLAN_HANDLE)) sm = smOf(d.one<void*>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE));
    if (d.has(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)) {
        want(sm != 0, "a stored plan needs a handle or the description of a device");
        p = std::make_shared<Plan>(*planFrom(characters(d, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION), version()));
    } else {
        p->engine = *d.need(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG).refs.at(0)->result<Engine>();
        std::string why = unsupported(p->graph(), p->engine.sm, settings().cudnnNearest);
        want(why.empty(), why, CUDNN_STATUS_NOT_SUPPORTED);
        want(p->engine.index > i64(settings().cudnnFail),
             "engine " + std::to_string(p->engine.index) + " fails, as cudnnfail says", CUDNN_STATUS_NOT_SUPPORTED);
    }
    want(sm == 0 || sm == p->engine.sm,
         "a plan for sm_" + std::to_string(p->engine.sm) + ", the device is sm_" + std::to_string(sm),
         CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    store(d, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, std::vector<i64>{i64(p->engine.workspace())});
    std::string json = planText(*p, version());
    store(d, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
          std::vector<char>(json.c_str(), json.c_str() + json.size() + 1));
    d.made = p;
}

void finishPack(Descriptor& d) {
    auto p = std::make_shared<Pack>();
    std::vector<i64> ids = d.list<i64>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    std::vector<u64> pointers = d.list<u64>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    want(ids.size() == pointers.size(),
         std::to_string(ids.size()) + " numbers and " + std::to_string(pointers.size()) + " pointers");
    for (size_t k = 0; k < ids.size(); ++k)
        want(p->pointers.emplace(ids[k], pointers[k]).second, "number " + std::to_string(ids[k]) + " is there twice");
    p->workspace = d.one<u64>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 0);
    d.made = p;
}

void finish(Descriptor& d) {
    want(!d.finalized, std::string("the ") + kindOf(d.kind) + " descriptor is finalized already");
    for (const Spec& s : *specs(d.kind))
        if (s.use == Spec::Required) d.need(s.name);
    switch (d.kind) {
        case CUDNN_BACKEND_TENSOR_DESCRIPTOR: d.made = makeTensor(d); break;
        case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: finishGraph(d); break;
        case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR: finishHeuristic(d); break;
        case CUDNN_BACKEND_ENGINE_DESCRIPTOR: {
            GraphRef g = d.refMade<Graph>(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
            i64 index = d.one<i64>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
            want(index >= kFirst && index <= kFallback, "no engine " + std::to_string(index));
            finishEngine(d, {g, index, g->sm});
            break;
        }
        case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR: d.made = d.need(CUDNN_ATTR_ENGINECFG_ENGINE).refs.at(0)->made; break;
        case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: finishPlan(d); break;
        case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR: finishPack(d); break;
        case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR: finishDevice(d); break;
        default:
            if (std::string(kindOf(d.kind)).rfind("OPERATION_", 0) == 0) d.made = makeOperation(d);
    }
    d.finalized = true;
}

}  // namespace emu::cudnn

// What a stream keeps of an execution of a plan.
#pragma once

#include "cudnn_graph.h"
#include "driver.h"

namespace emu::cudnn {

// PlanWork stands in streams and graphs where a kernel stands.
struct PlanWork : Work {
    std::shared_ptr<const Plan> plan;
    std::shared_ptr<const Descriptor> descriptor;  // of the plan: must not be destroyed before this has run
    std::map<i64, u64> pointers;                   // device memory, by the operands' numbers
    std::map<i64, u32> scalars;                    // bits of operands that were given by value, read as it was enqueued
    u64 workspace = 0;

    Type type() const override { return Kernel; }
    std::string name() const override;
    void count() const override { counters().plans++; }
    void run(Context& ctx, const Fault& fault) const override;
};

}  // namespace emu::cudnn

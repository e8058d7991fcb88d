// The stage index of each request lives on the device, so that a step can be enqueued again and again (or
// replayed as a graph) with the same arguments and without the host knowing how far it is.
#pragma once
#include "layout.cuh"

namespace cudiffuse {

// advance ends a request's stage: the next timestep for the network, and stage + 1. One thread of each block
// calls it, the one that read the stage.
//
// All blocks of the request have to read the stage before one of them may change it. Each block arrives at
// a counter when it has, and the block that arrives last does the writing: atomicInc wraps to 0 there, so
// that the counter is ready for the next launch. A counter does not need to know the launch's number, as two
// stage indices used in turn would, and a launch that is captured in a graph cannot be told; it costs one
// atomic a block. The fence orders the block's read before its arrival.
__device__ __forceinline__ void advance(State& state, uint32_t stage, uint32_t blocks, const Entry& e, float* t,
                                        uint32_t conds) {
    __threadfence();
    if (atomicInc(&state.arrived, blocks - 1) != blocks - 1) return;
    if (e.flags & kFlagNext)
#pragma unroll 1
        for (uint32_t c = 0; c < conds; ++c) t[c] = e.next_t;
    state.stage = stage + 1;
}

}  // namespace cudiffuse

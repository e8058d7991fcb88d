// What the host writes and the kernels read: the one definition of the device tables, in 4- and 8-byte
// words without holes. gpu/layout.go mirrors it; a Go test reads the SIZE, AT and k... lines below, and
// the compiler checks the same numbers here.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace cudiffuse {

constexpr int kRegs = 11;
constexpr int kSlots = 4;

// The order of the registers, in which every row adds (sampler.Row.Coefficients).
constexpr int kX = 0;
constexpr int kBase = 1;
constexpr int kD = 2;
constexpr int kRaw = 3;
constexpr int kUnc = 4;
constexpr int kH = 5;
constexpr int kN = 9;

// Entry.flags: what a stage does beside writing x.
constexpr uint32_t kFlagEval = 1;   // the network's output is used: raw, unc and d are made
constexpr uint32_t kFlagBase = 2;   // base is written
constexpr uint32_t kFlagPush = 4;   // h[slot] is written
constexpr uint32_t kFlagUnc = 8;    // unc has a coefficient
constexpr uint32_t kFlagN0 = 16;    // n0 has a coefficient
constexpr uint32_t kFlagN1 = 32;    // n1 has a coefficient
constexpr uint32_t kFlagNext = 64;  // the next stage evaluates: its input and timestep are written
constexpr uint32_t kFlagFirst = 128;  // m is the first condition's output
constexpr uint32_t kFlagNone = 256;  // m is zero
constexpr uint32_t kFlagLearned = 512;  // n0 is scaled by exp(bias + gain*v)
constexpr uint32_t kFlagRoot = 1024;  // n0 is scaled by sqrt(max(v, 0))

// Row.flags.
constexpr uint32_t kRowInit = 1;        // x holds the initial noise: start only scales it
constexpr uint32_t kRowEval = 2;        // the first stage evaluates the network
constexpr uint32_t kRowBase = 4;        // the row has a base register
constexpr uint32_t kRowInpaint = 8;     // d is blended with known under mask
constexpr uint32_t kRowThreshold = 16;  // d is limited to Scalars.limit and divided by it
constexpr uint32_t kRowRescale = 32;    // m is multiplied by Scalars.factor
constexpr uint32_t kRowAPG = 64;        // the weights are Scalars.w, by projection
constexpr uint32_t kRowZeroStar = 128;
constexpr uint32_t kRowTangential = 256;
constexpr uint32_t kRowMomentum = 512;  // of APG: the running average stands for the difference
constexpr uint32_t kRowProject = kRowAPG | kRowZeroStar | kRowTangential;

// Entry is one stage of a plan, every number rounded to float32 once.
struct Entry {
    float x[kRegs], base[kRegs], push[kRegs];  // the 3 x 11 row map
    float skip, out;                           // raw = skip*x + out*m
    float clip;                                // limit of d, 0 for none
    float next_in, next_t;                     // c_in and timestep of the next stage
    uint32_t flags;
    uint32_t slot;     // the history slot that push writes
    uint32_t draw[2];  // the draws behind n0 and n1
    float bias, gain;   // of kFlagLearned
    uint32_t terms[2];  // where the draws start that n0 and n1 are sums of
    uint32_t counts;    // how many: n0 in the lower 16 bits, n1 in the upper; 0 for a draw of its own
    uint32_t reads;     // bit j is set when a row of this stage has a coefficient for register j
};

// Term is one draw of a sum.
struct Term {
    uint32_t draw;
    float weight;
};

// Row is one request of the batch. x to average are places in the arena, in float32 elements and multiples of
// 4; each register takes elems rounded up to a multiple of 4. A register that the plan does not use shares
// the place of x, where it is read and skipped, and never written.
struct Row {
    uint64_t seed;
    uint64_t table;   // index of its first Entry
    uint64_t stages;  // number of entries
    uint64_t first;   // its first network row
    uint64_t conds;   // number of conditions, each a network row
    uint64_t x, d, base, h[kSlots];
    uint64_t known, mask;           // of in-painting: clean values, and 1 where they are not used
    uint64_t average;               // of kRowMomentum: the running average of the difference
    uint64_t variance;              // address of what the network predicts beside the first condition's output
    uint64_t terms;                 // address of the terms of its plan
    uint64_t rank;                  // of the quantile: floor(q*(elems-1))
    float lerp, rest;               // the fraction of q*(elems-1), and 1 less it
    float most;                     // the largest dynamic limit
    float phi, keep;                // share of the rescaled guidance, and 1 less it
    float less, norm;               // of APG: 1 less the share along the prediction, and the largest difference
    float init, first_in, first_t;  // scale of the initial noise; c_in and timestep of stage 0
    uint32_t flags;
    float momentum;                 // of the average
};

// State is what the kernels keep per request.
struct State {
    uint32_t stage;    // stages done
    uint32_t arrived;  // blocks of the running launch that have read stage; 0 between launches
};

// Scalars is what row_scalars computes per request.
struct Scalars {
    float limit;   // kRowThreshold
    float factor;  // kRowRescale
    float w[2];    // kRowProject
};

#define SIZE(type, bytes) static_assert(sizeof(type) == (bytes), "size of " #type)
#define AT(type, field, byte) static_assert(offsetof(type, field) == (byte), "place of " #field)
SIZE(Entry, 192);
AT(Entry, x, 0);
AT(Entry, base, 44);
AT(Entry, push, 88);
AT(Entry, skip, 132);
AT(Entry, out, 136);
AT(Entry, clip, 140);
AT(Entry, next_in, 144);
AT(Entry, next_t, 148);
AT(Entry, flags, 152);
AT(Entry, slot, 156);
AT(Entry, draw, 160);
AT(Entry, bias, 168);
AT(Entry, gain, 172);
AT(Entry, terms, 176);
AT(Entry, counts, 184);
AT(Entry, reads, 188);
SIZE(Term, 8);
AT(Term, draw, 0);
AT(Term, weight, 4);
SIZE(Row, 192);
AT(Row, seed, 0);
AT(Row, table, 8);
AT(Row, stages, 16);
AT(Row, first, 24);
AT(Row, conds, 32);
AT(Row, x, 40);
AT(Row, d, 48);
AT(Row, base, 56);
AT(Row, h, 64);
AT(Row, known, 96);
AT(Row, mask, 104);
AT(Row, average, 112);
AT(Row, variance, 120);
AT(Row, terms, 128);
AT(Row, rank, 136);
AT(Row, lerp, 144);
AT(Row, rest, 148);
AT(Row, most, 152);
AT(Row, phi, 156);
AT(Row, keep, 160);
AT(Row, less, 164);
AT(Row, norm, 168);
AT(Row, init, 172);
AT(Row, first_in, 176);
AT(Row, first_t, 180);
AT(Row, flags, 184);
AT(Row, momentum, 188);
SIZE(State, 8);
AT(State, stage, 0);
AT(State, arrived, 4);
SIZE(Scalars, 16);
AT(Scalars, limit, 0);
AT(Scalars, factor, 4);
AT(Scalars, w, 8);
#undef SIZE
#undef AT

}  // namespace cudiffuse

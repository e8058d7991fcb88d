// Streams: queues of work that runs only when something waits for it.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "counters.h"
#include "faults.h"

namespace emu {

struct Context;
struct Capture;
struct Stream;

// Work is something a stream does. It never changes once made, so that a graph can run it again and again.
struct Work {
    enum Type { Kernel = 0, Memcpy = 1, Memset = 2, Host = 3, Graph = 4, Empty = 5 };  // as CUgraphNodeType
    virtual ~Work() {}
    virtual Type type() const = 0;
    // count adds the work to the counters, when it is enqueued.
    virtual void count() const = 0;
    // run does the work. It throws Fail with the code that the context then answers for ever.
    virtual void run(Context& ctx, const Fault& fault) const = 0;
    // abandon tells that the work will never run, since the context failed with code.
    virtual void abandon(int code) const { (void)code; }
    // name says what it is, in reports.
    virtual std::string name() const = 0;
};

// Mark is a point in a stream that others wait for: the state behind an event.
struct Mark {
    std::weak_ptr<Stream> stream;
    u64 sequence = 0;
    bool done = false;
    std::chrono::steady_clock::time_point when;
    void reach();
};

// Op is an entry of a queue: some work, or a mark to set, or a mark to wait for.
struct Op {
    u64 sequence = 0;
    std::shared_ptr<const Work> work;
    Fault fault;
    u64 hang = 0;  // Driver::hangs when it was enqueued, if it hangs
    std::shared_ptr<Mark> set, wait;
};

struct Stream {
    static constexpr HandleKind kKind = kStream;
    Context* ctx = nullptr;
    bool legacy = false, blocking = true;  // blocking: ordered with the legacy stream
    int priority = 0;
    u64 id = 0;
    u64 hang = 0;           // Driver::hangs when it hung
    bool destroyed = false;
    std::deque<Op> queue;
    std::shared_ptr<Capture> capture;
    std::vector<u32> tips;  // while captured: the nodes that the next one depends on
};

struct Event {
    static constexpr HandleKind kKind = kEvent;
    unsigned flags = 0;
    std::shared_ptr<Mark> mark;  // last record, null for none
    std::shared_ptr<Capture> capture;  // when that record was captured
    std::vector<u32> tips;
    u64 hang = 0;
};

// Step is what one turn of a stream came to.
enum class Step { Idle, Ran, Hung };

// step runs one operation that the head of the stream's queue needs: the head, or what it waits for.
Step step(Stream& s);
// drain runs the stream up to a sequence number, the last one included. It blocks while the stream hangs, and returns
// early when the context dies.
void drain(const std::shared_ptr<Stream>& s, u64 upTo = ~u64(0));
// stepWaited and drainWaited are what the host waits for: of the legacy stream, the blocking streams too.
Step stepWaited(Stream& s);
void drainWaited(const std::shared_ptr<Stream>& s);
void drainContext(Context& ctx);
// dropWork forgets all that is queued in a context whose error is sticky or that dies.
void dropWork(Context& ctx);

}  // namespace emu

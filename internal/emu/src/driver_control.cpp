// The door for tests in the same process: counters, leaks, and the fault script.
#include <stdexcept>

#include "driver.h"

namespace emu {
namespace {

std::string control(const std::string& command) {
    size_t space = command.find(' ');
    std::string verb = command.substr(0, space), rest = space == std::string::npos ? "" : command.substr(space + 1);
    Driver& d = driver();
    std::lock_guard<std::mutex> hold(d.lock);
    if (verb == "counters") return countersJSON();
    if (verb == "leaks") return leaksJSON();
    if (verb != "faults" && verb != "reset") throw std::invalid_argument("unknown command \"" + verb + "\"");
    d.faults.set(verb == "faults" ? rest : "");
    d.scripted = true;
    // What hangs by the old script lets go.
    ++d.hangs;
    d.wake.notify_all();
    if (verb == "reset") resetCounters();
    return "ok";
}

}  // namespace
}  // namespace emu

// cudiffuse_emu executes "counters", "leaks", "faults SCRIPT" or "reset" (counters, and no more faults). The answer is
// JSON or "ok"; one that begins with "error: " says what was wrong with the command. It is valid until the calling
// thread's next command.
EMU_API const char* cudiffuse_emu(const char* command) {
    thread_local std::string answer;
    try {
        answer = emu::control(command ? command : "");
    } catch (const std::exception& e) {
        answer = std::string("error: ") + e.what();
    }
    return answer.c_str();
}

// Tests of the emulated driver's interface, against the built library:
//
//   g++ -std=c++17 -O1 -pthread src/test/driver_test*.cpp LIBRARY -Wl,-rpath,FOLDER -o driver_test && ./driver_test
//
// Each test runs in a child process. The exit code is the number of tests that failed; arguments pick tests by name.
#include <sys/wait.h>
#include <unistd.h>

#include "driver_api.h"

namespace emutest {
namespace {

int failures = 0;
std::string reportPath;
constexpr unsigned kSeconds = 30;  // that a test may take

void runTest(const Test& t) {
    reportPath = "/tmp/emu-driver-test-" + std::to_string(getpid());
    setenv("CUDIFFUSE_EMU", t.machine, 1);
    setenv("CUDIFFUSE_EMU_REPORT", reportPath.c_str(), 1);
    unsetenv("CUDIFFUSE_EMU_FAULTS");
    alarm(kSeconds);
    t.body();
    unlink(reportPath.c_str());
    fflush(stdout);
    _exit(failures ? 1 : 0);
}

bool chosen(const Test& t, int argc, char** argv) {
    for (int k = 1; k < argc; ++k)
        if (strcmp(argv[k], t.name) == 0) return true;
    return argc == 1;
}

long number(const std::string& json, const char* name) {
    size_t at = json.find(std::string("\"") + name + "\":");
    if (at == std::string::npos) failed(__FILE__, __LINE__, std::string("no ") + name + " in " + json);
    return at == std::string::npos ? -1 : atol(json.c_str() + at + strlen(name) + 3);
}

}  // namespace

std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

void failed(const char* file, int line, const std::string& what) {
    ++failures;
    printf("    %s:%d: %s\n", file, line, what.c_str());
}

void expectCode(const char* file, int line, const char* call, int want, int got) {
    if (want != got)
        failed(file, line, std::string(call) + ": want " + std::to_string(want) + ", got " + std::to_string(got));
}

std::string control(const std::string& command) { return cudiffuse_emu(command.c_str()); }
long counter(const char* name) { return number(control("counters"), name); }
long leak(const char* name) { return number(control("leaks"), name); }

std::string reports() {
    std::string text;
    if (FILE* f = fopen(reportPath.c_str(), "r")) {
        char line[4096];
        while (fgets(line, sizeof line, f)) text += line;
        fclose(f);
    }
    unlink(reportPath.c_str());
    return text;
}

void expectReport(const char* file, int line, const std::vector<std::string>& parts) {
    std::string text = reports();
    for (const std::string& part : parts)
        if (text.find(part) == std::string::npos)
            failed(file, line, "no \"" + part + "\" in the report:\n" + text);
}

Machine::Machine(int ordinal) : device(ordinal) {
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&ctx, device));
    OK(cuCtxSetCurrent(ctx));
}

Machine::~Machine() {
    OK(cuDevicePrimaryCtxRelease_v2(device));
    for (const char* kind : {"device_bytes", "host_bytes", "contexts", "modules", "streams", "events", "graphs",
                             "graph_execs", "cudnn_handles", "cudnn_descriptors"})
        if (leak(kind) != 0) failed(__FILE__, __LINE__, std::string("left over: ") + kind + " in " + control("leaks"));
    std::string rest = reports();
    if (!rest.empty()) failed(__FILE__, __LINE__, "an unexpected report:\n" + rest);
}

}  // namespace emutest

int main(int argc, char** argv) {
    int bad = 0, ran = 0;
    for (const Test& t : tests()) {
        if (!chosen(t, argc, argv)) continue;
        ++ran;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) runTest(t);
        int status = 0;
        waitpid(child, &status, 0);
        bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (WIFSIGNALED(status)) printf("    killed by signal %d\n", WTERMSIG(status));
        printf("%s %s\n", ok ? "ok  " : "FAIL", t.name);
        bad += !ok;
    }
    printf("%d tests, %d failed\n", ran, bad);
    return ran == 0 ? 1 : bad;
}

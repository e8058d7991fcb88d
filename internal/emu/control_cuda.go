//go:build cuda && cgo && linux

package emu

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

// control finds the emulator among the libraries that are loaded: loading it would make a second
// one.
static const char *control(const char *library, const char *command) {
    void *lib = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
    if (!lib) return NULL;
    const char *(*entry)(const char *) = (const char *(*)(const char *))dlsym(lib, "cudiffuse_emu");
    const char *answer = entry ? entry(command) : NULL;
    dlclose(lib);
    return answer;
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"
)

// Control executes a command of the emulated driver in this process: "counters" and "leaks" answer
// JSON, "reset" and "faults SCRIPT" answer "ok". The error is [ErrNotLoaded] when the driver is
// another one, or is not loaded yet: the first cuInit loads it.
func Control(text string) (string, error) {
	// The answer belongs to the thread until it is copied.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	library := os.Getenv("CUDIFFUSE_LIBCUDA")
	if library == "" {
		library = libraryName
	}
	cLibrary, cText := C.CString(library), C.CString(text)
	defer C.free(unsafe.Pointer(cLibrary))
	defer C.free(unsafe.Pointer(cText))
	answer := C.control(cLibrary, cText)
	if answer == nil {
		return "", ErrNotLoaded
	}
	result := C.GoString(answer)
	if why, failed := strings.CutPrefix(result, "error: "); failed {
		return "", fmt.Errorf("emu: %q: %s", text, why)
	}
	return result, nil
}

//go:build cuda

package cudnn

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "native.h"
*/
import "C"

import (
	"os"
	"sync"
	"unsafe"
)

// Library is the loaded cuDNN. It is never unloaded.
type Library struct {
	path    string
	version int
}

var (
	loadMutex sync.Mutex
	loaded    *Library
)

// Open returns the cuDNN library, loading it the first time. Without one the error is a *[LibraryError],
// and a *[VersionError] for one before version 9; a later call tries again.
func Open() (*Library, error) {
	loadMutex.Lock()
	defer loadMutex.Unlock()
	if loaded != nil {
		return loaded, nil
	}
	names := []string{"libcudnn.so.9", "libcudnn.so"}
	if path := os.Getenv("CUDIFFUSE_LIBCUDNN"); path != "" {
		names = []string{path}
	}
	missing := &LibraryError{}
	for _, name := range names {
		if why := load(name); why != "" {
			missing.Tried, missing.Reasons = append(missing.Tried, name), append(missing.Reasons, why)
			continue
		}
		l := &Library{path: C.GoString(C.native_path()), version: int(C.native_version())}
		if l.version < C.MIN_VERSION {
			return nil, &VersionError{Path: l.path, Found: l.version, Want: C.MIN_VERSION}
		}
		loaded = l
		return l, nil
	}
	return nil, missing
}

// load fills the table of entry points and returns why it could not.
func load(name string) string {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	why := C.native_load(text, newMessage())
	if why == nil {
		return ""
	}
	return C.GoString(why)
}

// newMessage is room for what the library says about a failure.
func newMessage() *C.char { return &make([]C.char, C.MESSAGE)[0] }

// Version is the library's version: 10000*major + 100*minor + patch.
func (l *Library) Version() int { return l.version }

// Path is the file that was loaded.
func (l *Library) Path() string { return l.path }

// libraryName is the name that the library gives a status.
func libraryName(s Status) string { return C.GoString(C.native_status(C.uint(s))) }

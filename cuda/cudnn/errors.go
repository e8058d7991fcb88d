package cudnn

import (
	"errors"
	"fmt"
	"strings"
)

// ErrClosed is returned by calls on a plan, execution or handle that was closed.
var ErrClosed = errors.New("cudnn: closed")

// LibraryError says that no cuDNN library can be loaded. It matches [ErrNoLibrary].
type LibraryError struct {
	Tried   []string // the names given to the loader
	Reasons []string // why, one for each
}

// ErrNoLibrary is matched by every [LibraryError].
var ErrNoLibrary = errors.New("no cuDNN library")

// Error implements error.
func (e *LibraryError) Error() string {
	var b strings.Builder
	b.WriteString("no cuDNN library:")
	for i, name := range e.Tried {
		fmt.Fprintf(&b, " %s (%s);", name, e.Reasons[i])
	}
	b.WriteString(" install cuDNN 9 (pip install nvidia-cudnn-cu13), and set CUDIFFUSE_LIBCUDNN to the path of its" +
		" libcudnn.so.9 where the loader does not find it")
	return b.String()
}

// Is matches [ErrNoLibrary].
func (e *LibraryError) Is(target error) bool { return target == ErrNoLibrary }

// VersionError is a library that is too old. Versions are as cudnnGetVersion gives them: 10000*major +
// 100*minor + patch, and before version 9, 1000*major + 100*minor + patch.
type VersionError struct {
	Path        string
	Found, Want int
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%s is cuDNN %s: want %s or later; install cuDNN 9 (pip install nvidia-cudnn-cu13)", e.Path,
		versionString(e.Found), versionString(e.Want))
}

func versionString(v int) string {
	major := 10000
	if v < 90000 {
		major = 1000
	}
	return fmt.Sprintf("%d.%d.%d", v/major, v%major/100, v%100)
}

// StatusError is a cuDNN call that failed. It matches its status and the status's category.
type StatusError struct {
	Op      string // what was being done, e.g. "finalize convolution"
	Layer   string // the graph's name, with the tensor's where it is about one
	Status  Status
	Message string // what the library adds
}

// Error implements error.
func (e *StatusError) Error() string {
	var b strings.Builder
	b.WriteString("cudnn: ")
	if e.Layer != "" {
		fmt.Fprintf(&b, "%s: ", e.Layer)
	}
	fmt.Fprintf(&b, "%s: %v", e.Op, e.Status)
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	return b.String()
}

// Unwrap returns the status and its category.
func (e *StatusError) Unwrap() []error { return []error{e.Status, e.Status.Category()} }

// GraphError is a graph that no library is asked about: its parts do not fit together, or what a plan
// is bound to does not fit the graph.
type GraphError struct {
	Graph  string
	Op     int    // the operation's place, from 0; -1 when it is about no single one
	Tensor string // its name, "" when it is about none
	Detail string
}

// Error implements error.
func (e *GraphError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cudnn: graph %q", e.Graph)
	if e.Op >= 0 {
		fmt.Fprintf(&b, ", operation %d", e.Op)
	}
	if e.Tensor != "" {
		fmt.Fprintf(&b, ", tensor %s", e.Tensor)
	}
	return b.String() + ": " + e.Detail
}

// NoPlanError says that the library has no execution plan for a graph on a target. It matches the
// statuses that led to it.
type NoPlanError struct {
	Graph   string  // the graph with its operands, as Graph.String writes it
	Target  string  // as Target.String writes it
	Tried   int     // engine configurations that were tried
	Reasons []error // the first ones, each a *StatusError
}

// Error implements error.
func (e *NoPlanError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cudnn: no plan on %s for %s", e.Target, e.Graph)
	if e.Tried > 0 {
		fmt.Fprintf(&b, "; %d engine configurations failed", e.Tried)
	}
	if len(e.Reasons) == 0 {
		b.WriteString("; the library knows no engine for it")
	}
	for _, r := range e.Reasons {
		fmt.Fprintf(&b, "; %v", r)
	}
	return b.String()
}

// Unwrap returns the reasons.
func (e *NoPlanError) Unwrap() []error { return e.Reasons }

// PlanError is a stored plan that is not taken: damaged, or of another graph, version or target.
type PlanError struct {
	Graph  string // the name of the graph that it was to be loaded for
	Detail string
}

// Error implements error.
func (e *PlanError) Error() string {
	return fmt.Sprintf("cudnn: stored plan for %q: %s; build it again", e.Graph, e.Detail)
}

// oneLine puts the lines of a library's message one after another.
func oneLine(message string) string {
	return strings.Join(strings.FieldsFunc(message, func(r rune) bool { return r == '\n' }), "; ")
}

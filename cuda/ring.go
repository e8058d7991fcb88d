//go:build cuda

package cuda

import "strings"

// ring remembers the last operations that were enqueued and not yet waited for, so that a failure which
// is reported late can name what may have caused it. Adding allocates nothing.
type ring struct {
	ops  [16]enqueued
	next int
}

type enqueued struct {
	stream *Stream
	op     string // the C entry point
	what   string // kernel name, ...
}

func (r *ring) add(s *Stream, op, what string) {
	r.ops[r.next%len(r.ops)] = enqueued{s, op, what}
	r.next++
}

// done forgets the operations of a stream that was waited for.
func (r *ring) done(s *Stream) {
	for i := range r.ops {
		if r.ops[i].stream == s {
			r.ops[i] = enqueued{}
		}
	}
}

// names lists the operations, the oldest first, each once.
func (r *ring) names() string {
	var list []string
	seen := map[string]bool{}
	for i := range r.ops {
		o := r.ops[(r.next+i)%len(r.ops)]
		if o.op == "" {
			continue
		}
		name := o.op
		if o.what != "" {
			name += " " + o.what
		}
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

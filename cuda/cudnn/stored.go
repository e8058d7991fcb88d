package cudnn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// stored is a plan as JSON: cuDNN's own text, which holds compiled code, with what is needed to refuse
// one that is damaged or made for something else before the library reads it.
type stored struct {
	Format  int    `json:"cudiffuse_cudnn_plan"`
	Version int    `json:"cudnn"`
	Target  string `json:"target"`
	Graph   string `json:"graph"`  // Graph.Hash
	SHA256  string `json:"sha256"` // of Plan
	Plan    string `json:"plan"`
	engine
}

// engine is what a plan runs on.
type engine struct {
	Number int64 `json:"engine"`
	Varies bool  `json:"varies"` // results may differ from run to run
	Rounds bool  `json:"rounds"` // see FullPrecision
}

// Property is what an engine must be like, see [Library.Candidates].
type Property int

// The properties.
const (
	// Deterministic engines give the same bits in every run.
	Deterministic Property = iota
	// FullPrecision engines neither round their operands, as tensor cores do with float32 (to TF32, 10 bits),
	// nor add with less than the type's precision.
	FullPrecision
)

const storedFormat = 1

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// store writes a plan.
func store(version int, target, hash, plan string, e engine) ([]byte, error) {
	return json.Marshal(stored{Format: storedFormat, Version: version, Target: target, Graph: hash, SHA256: sum(plan),
		Plan: plan, engine: e})
}

// unstore reads a plan that was stored for a version, target and graph.
func unstore(text []byte, version int, target Target, g *Graph) (string, engine, error) {
	var s stored
	fail := func(format string, args ...any) (string, engine, error) {
		return "", engine{}, &PlanError{Graph: g.Name, Detail: fmt.Sprintf(format, args...)}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return fail("damaged: %v", err)
	}
	switch {
	case s.Format != storedFormat:
		return fail("format %d: want %d", s.Format, storedFormat)
	case s.SHA256 != sum(s.Plan):
		return fail("damaged: its check sum is wrong")
	case s.Version != version:
		return fail("made by cuDNN %s, this is %s", versionString(s.Version), versionString(version))
	case !target.takes(s.Target):
		return fail("made for %s, this is %s", s.Target, target)
	case s.Graph != g.Hash():
		return fail("made for another graph")
	}
	return s.Plan, s.engine, nil
}

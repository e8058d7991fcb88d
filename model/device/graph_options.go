package device

import (
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
)

// GraphOptions tune a [Graph]. The plans' options are those of [Options].
type GraphOptions struct {
	// Rows and Size are those of the run that plans are made for when the graph is loaded,
	// and whose memory must be there: 1 row if it is 0, Size as the graph wants it. Runs of
	// others make plans of their own.
	Rows int
	Size model.Size
	// Type is the type of activations and weights; it need not be the device's.
	Type gpu.DType
	// Reserve is bytes of the device that must stay free beside the graph when it is loaded,
	// for what runs beside it.
	Reserve int64

	Cache    string
	NoCache  bool
	Bundle   string
	Autotune int
}

// graphNetwork is a graph as a network that takes no conditions.
type graphNetwork struct {
	graph   *model.Graph
	weights *model.Weights
}

var _ model.Network = graphNetwork{}

func (n graphNetwork) Graph() *model.Graph     { return n.graph }
func (n graphNetwork) Weights() *model.Weights { return n.weights }
func (graphNetwork) Params() int               { return 0 }
func (graphNetwork) Channels() int             { return 0 }
func (graphNetwork) OutChannels() int          { return 0 }
func (graphNetwork) Height() int               { return 0 }
func (graphNetwork) Width() int                { return 0 }
func (graphNetwork) Classes() int              { return 0 }

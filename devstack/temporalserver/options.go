// Package temporalserver runs a whole Temporal server, and its web UI, inside this process, for `aftercall-dev`, the
// capture of histories and the end-to-end tests. It knows Temporal's server and nothing of aftercall: the names of
// search attributes and task queues, and limits, come through Options. Nothing in it listens beyond 127.0.0.1, and it is
// for one machine: a production server is set up from Temporal's own releases.
package temporalserver

import (
	"log/slog"
	"net"
	"strconv"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
)

const (
	loopback         = "127.0.0.1"
	defaultNamespace = "default"
	defaultRetention = 30 * 24 * time.Hour
)

// Options configure a server. The zero value is an in-memory server on a free port, without a UI.
type Options struct {
	GRPCPort        int    // port for clients; 0 takes a free one
	UI              bool   // serve Temporal's web UI
	UIPort          int    // port of the UI; 0 takes a free one
	UICodecEndpoint string // URL that the browser asks to decode payloads; empty for none

	// DataFile is the SQLite file with everything. It is created if it is missing; its folder must exist. Empty keeps
	// everything in memory, in a database of its own for each start.
	DataFile string

	Namespace        string                            // empty: "default"
	Retention        time.Duration                     // of a namespace made by this start; zero: 30 days
	SearchAttributes map[string]enums.IndexedValueType // custom ones, by name; missing ones are added to an existing file

	// SinglePartition names task queues with one partition, so that a rate set for the queue is the queue's rate and no
	// task waits in a partition that nobody polls. If an earlier server left tasks of such a queue in further partitions of
	// a DataFile, these partitions are still read, but not written, until a start finds them empty.
	SinglePartition []string
	// Fairness hands out the tasks of a queue in turn by their fairness keys, and not only by age. It may be turned on for
	// a DataFile with tasks in it.
	Fairness bool
	// DynamicConfig overrides the server's dynamic configuration, e.g. "history.maximumSignalsPerExecution": 50.
	DynamicConfig map[string]any

	// SpareHeap lets the process collect its garbage about a third as often, for some 130 MiB of memory more. It is for a
	// process that has one server, and people who wait for it.
	SpareHeap bool

	Logger *slog.Logger // receives only the server's errors; nil drops them
}

// AttributeTypes turns the SDK's typed keys into the form for Options.SearchAttributes.
func AttributeTypes(keys []temporal.SearchAttributeKey) map[string]enums.IndexedValueType {
	types := make(map[string]enums.IndexedValueType, len(keys))
	for _, key := range keys {
		types[key.GetName()] = key.GetValueType()
	}
	return types
}

func (o Options) withDefaults() Options {
	if o.Namespace == "" {
		o.Namespace = defaultNamespace
	}
	if o.Retention == 0 {
		o.Retention = defaultRetention
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

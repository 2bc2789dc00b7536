package temporalserver

import (
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

// clusterName is Temporal's name for a cluster that replicates nothing.
const clusterName = "active"

// services are the parts of a Temporal server; each has a port of its own, also within one process.
var services = []primitives.ServiceName{
	primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
}

// serverConfig returns the configuration that an operator would write in a file. ports are in the order of services. Nexus
// needs the frontend's HTTP.
func serverConfig(ports []int, http int, store *config.SQL) *config.Config {
	frontend := address(ports[0])
	cfg := &config.Config{
		Global:       config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}},
		PublicClient: config.PublicClient{HostPort: frontend},
		Services:     make(map[string]config.Service, len(services)),
		Persistence: config.Persistence{
			DefaultStore:     sqlite.PluginName,
			VisibilityStore:  sqlite.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqlite.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend, HTTPAddress: address(http)},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
	for i, name := range services {
		rpc := config.RPC{GRPCPort: ports[i], BindOnIP: loopback}
		if name == primitives.FrontendService {
			rpc.HTTPPort = http
		}
		cfg.Services[string(name)] = config.Service{RPC: rpc}
	}
	return cfg
}

// staticHosts tells each service the addresses of the others. It replaces the gossip between machines.
func staticHosts(ports []int) map[primitives.ServiceName]static.Hosts {
	hosts := make(map[primitives.ServiceName]static.Hosts, len(services))
	for i, name := range services {
		hosts[name] = static.SingleLocalHost(address(ports[i]))
	}
	return hosts
}

// dynamicConfig merges the caller's overrides into this server's settings.
func (o Options) dynamicConfig() (dynamicconfig.StaticClient, error) {
	write, read := make([]dynamicconfig.ConstrainedValue, 0, len(o.SinglePartition)), make([]dynamicconfig.ConstrainedValue, 0, len(o.SinglePartition))
	for _, queue := range o.SinglePartition {
		single := dynamicconfig.ConstrainedValue{
			Constraints: dynamicconfig.Constraints{Namespace: o.Namespace, TaskQueueName: queue},
			Value:       1,
		}
		write = append(write, single)
		rest, err := holdsTasks(o.DataFile, queue)
		if err != nil {
			return nil, err
		}
		if !rest {
			read = append(read, single)
		}
	}
	values := dynamicconfig.StaticClient{
		// A search attribute is usable as soon as it is added, not up to a minute later.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():      read,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key():     write,
		dynamicconfig.MatchingEnableFairness.Key():                  o.Fairness,
		// The limit is for each shard, of which a cluster has hundreds and this server one. With the default of 20 each task
		// waits some 50 ms while others are in progress.
		dynamicconfig.TransferProcessorMaxPollRPS.Key(): 1000,
	}
	for key, value := range o.DynamicConfig {
		values[dynamicconfig.MakeKey(key)] = value
	}
	return values, nil
}

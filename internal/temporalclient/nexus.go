package temporalclient

import (
	"context"

	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// Endpoints lists the names of the Nexus endpoints that lead to the aftercall of a namespace.
func Endpoints(ctx context.Context, c client.Client, namespace string) (names []string, err error) {
	for token := []byte(nil); ; {
		r, err := c.OperatorService().ListNexusEndpoints(ctx, &operatorservice.ListNexusEndpointsRequest{PageSize: 100, NextPageToken: token})
		if err != nil {
			return nil, err
		}
		for _, e := range r.GetEndpoints() {
			if leadsHere(e, namespace) {
				names = append(names, e.GetSpec().GetName())
			}
		}
		if token = r.GetNextPageToken(); len(token) == 0 {
			return names, nil
		}
	}
}

func leadsHere(e *nexuspb.Endpoint, namespace string) bool {
	w := e.GetSpec().GetTarget().GetWorker()
	return w.GetNamespace() == namespace && w.GetTaskQueue() == contract.TaskQueueNexus
}

// endpoint creates the Nexus endpoint if it is missing. Nothing in aftercall needs it, so a failure is no error.
func (s setup) endpoint() {
	name := s.plan.NexusEndpoint
	if name == "" {
		return
	}
	found, err := s.c.OperatorService().ListNexusEndpoints(s.ctx, &operatorservice.ListNexusEndpointsRequest{Name: name})
	switch {
	case err != nil:
		s.noEndpoint(err)
	case len(found.GetEndpoints()) == 0:
		s.makeEndpoint()
	case leadsHere(found.GetEndpoints()[0], s.namespace):
		s.reportf("nexus endpoint %s: there", name)
	default:
		s.leftf("nexus endpoint %s: it leads elsewhere; give another name with --nexus-endpoint", name)
	}
}

func (s setup) makeEndpoint() {
	err := s.patiently(func() error {
		_, err := s.c.OperatorService().CreateNexusEndpoint(s.ctx, &operatorservice.CreateNexusEndpointRequest{Spec: &nexuspb.EndpointSpec{
			Name: s.plan.NexusEndpoint,
			Target: &nexuspb.EndpointTarget{Variant: &nexuspb.EndpointTarget_Worker_{
				Worker: &nexuspb.EndpointTarget_Worker{Namespace: s.namespace, TaskQueue: contract.TaskQueueNexus},
			}},
		}})
		return err
	})
	if err != nil {
		s.noEndpoint(err)
		return
	}
	s.reportf("nexus endpoint %s: made, for callers in other namespaces", s.plan.NexusEndpoint)
}

// noEndpoint reports what to do by hand.
func (s setup) noEndpoint(err error) {
	if desk.Means(err, desk.ErrNotServed) {
		s.leftf("nexus endpoint %s: this Temporal has no Nexus, or its right to make endpoints is elsewhere (on Temporal Cloud: tcld nexus endpoint create "+
			"--name %[1]s --target-namespace %s --target-task-queue %s); nothing else needs it", s.plan.NexusEndpoint, s.namespace, contract.TaskQueueNexus)
		return
	}
	s.leftf("nexus endpoint %s: make it, as temporal operator nexus endpoint create --name %[1]s --target-namespace %s --target-task-queue %s does; "+
		"nothing else needs it: %v", s.plan.NexusEndpoint, s.namespace, contract.TaskQueueNexus, err)
}

package temporalserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const pollEvery = 20 * time.Millisecond

// errNotYet makes a poll continue.
var errNotYet = errors.New("not ready yet")

// poll repeats ready until it returns no error. If the context ends first, it returns the last error.
func poll(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// Check returns nil if the server is ready, else the reason why it is not.
func (s *Server) Check(ctx context.Context) error {
	answer, err := grpc_health_v1.NewHealthClient(s.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{
		Service: workflowservice.WorkflowService_ServiceDesc.ServiceName,
	})
	if err != nil {
		return fmt.Errorf("ask Temporal's health: %w", err)
	}
	if answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("ask Temporal's health: %s: %w", answer.Status, errNotYet)
	}
	return nil
}

// CheckUI returns nil if the web UI responds, else the reason why it does not. Without a UI it returns nil.
func (s *Server) CheckUI(ctx context.Context) error {
	if !s.options.UI {
		return nil
	}
	return answers(ctx, s.UIURL()+"/healthz")
}

// awaitReady returns once the namespace and its search attributes can be used.
func (s *Server) awaitReady(ctx context.Context) error {
	if err := poll(ctx, s.Check); err != nil {
		return err
	}
	if err := poll(ctx, s.namespaceReady); err != nil {
		return err
	}
	missing, err := s.missingAttributes(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	request := &operatorservice.AddSearchAttributesRequest{Namespace: s.options.Namespace, SearchAttributes: missing}
	if _, err := operator(s.conn).AddSearchAttributes(ctx, request); err != nil {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return poll(ctx, func(ctx context.Context) error {
		if missing, err := s.missingAttributes(ctx); err != nil || len(missing) > 0 {
			return fmt.Errorf("%d search attributes: %w", len(missing), cmp.Or(err, errNotYet))
		}
		return nil
	})
}

func (s *Server) namespaceReady(ctx context.Context) error {
	request := &workflowservice.DescribeNamespaceRequest{Namespace: s.options.Namespace}
	answer, err := workflowservice.NewWorkflowServiceClient(s.conn).DescribeNamespace(ctx, request)
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", s.options.Namespace, err)
	}
	if state := answer.NamespaceInfo.State; state != enums.NAMESPACE_STATE_REGISTERED {
		return fmt.Errorf("namespace %s is %s: %w", s.options.Namespace, state, errNotYet)
	}
	return nil
}

// missingAttributes returns the wanted search attributes that the namespace lacks. One that exists with another type is an
// error, since that can never become right.
func (s *Server) missingAttributes(ctx context.Context) (map[string]enums.IndexedValueType, error) {
	request := &operatorservice.ListSearchAttributesRequest{Namespace: s.options.Namespace}
	answer, err := operator(s.conn).ListSearchAttributes(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("list search attributes: %w", err)
	}
	missing := make(map[string]enums.IndexedValueType)
	for name, want := range s.options.SearchAttributes {
		switch got, ok := answer.CustomAttributes[name]; {
		case !ok:
			missing[name] = want
		case got != want:
			return nil, fmt.Errorf("search attribute %s is of type %s in this database, not %s", name, got, want)
		}
	}
	return missing, nil
}

func operator(conn *grpc.ClientConn) operatorservice.OperatorServiceClient {
	return operatorservice.NewOperatorServiceClient(conn)
}

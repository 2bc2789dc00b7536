package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Retention is how long Temporal keeps closed workflows in a namespace that Setup makes. MinRetention is the least
// with which a repeated notification or request is surely recognised.
const (
	Retention    = 30 * 24 * time.Hour
	MinRetention = 7 * 24 * time.Hour
)

// Rates are what the whole fleet may do per second. 0 is a rate: nothing is done.
type Rates struct{ Dial, Lookup float64 }

// Setup makes the namespace where it is missing, lengthens its retention where it is shorter than Retention, registers
// the search attributes that are missing and sets the rates. It may be repeated. It reports what it did, a line each.
func Setup(ctx context.Context, c client.Client, namespace string, r Rates, report func(string)) error {
	if err := ensureNamespace(ctx, c, namespace, report); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	if err := ensureAttributes(ctx, c, namespace, report); err != nil {
		return fmt.Errorf("search attributes: %w", err)
	}
	for _, q := range []struct {
		queue string
		rate  float64
	}{{contract.TaskQueueDial, r.Dial}, {contract.TaskQueueLookup, r.Lookup}} {
		if err := setRate(ctx, c, namespace, q.queue, q.rate); err != nil {
			return fmt.Errorf("rate of %s: %w", q.queue, err)
		}
		report(fmt.Sprintf("task queue %s: %g per second", q.queue, q.rate))
	}
	return nil
}

func ensureNamespace(ctx context.Context, c client.Client, name string, report func(string)) error {
	w := c.WorkflowService()
	d, err := w.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		_, err = w.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
		})
		if err == nil {
			report(fmt.Sprintf("namespace %s: made, closed workflows are kept %d days", name, int(Retention.Hours()/24)))
		}
		if _, made := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); made {
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	if kept := d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept < Retention {
		_, err = w.UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: name, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(Retention)},
		})
		if err != nil {
			return err
		}
		report(fmt.Sprintf("namespace %s: closed workflows are kept %d days from now on, not %s", name, int(Retention.Hours()/24), kept))
		return nil
	}
	report("namespace " + name + ": there")
	return nil
}

func ensureAttributes(ctx context.Context, c client.Client, namespace string, report func(string)) error {
	missing, err := MissingAttributes(ctx, c, namespace)
	for wait := time.Second; err != nil && wait < 20*time.Second; wait *= 2 { // a new namespace takes a while to be known
		if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err); !unknown && !Away(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		missing, err = MissingAttributes(ctx, c, namespace)
	}
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		report("search attributes: there")
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	if err == nil {
		report(fmt.Sprintf("search attributes: %d registered", len(missing)))
	}
	return err
}

// MissingAttributes are our search attributes that the namespace does not have, with their types.
func MissingAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range calls.SearchAttributes() {
		if _, ok := have.GetCustomAttributes()[key.GetName()]; !ok {
			missing[key.GetName()] = key.GetValueType()
		}
	}
	return missing, nil
}

// setRate limits how many activities of a task queue are started per second, over all workers.
func setRate(ctx context.Context, c client.Client, namespace, queue string, rate float64) error {
	_, err := c.WorkflowService().UpdateTaskQueueConfig(ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace: namespace, Identity: "aftercall setup", TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		UpdateQueueRateLimit: &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{
			RateLimit: &taskqueuepb.RateLimit{RequestsPerSecond: float32(rate)}, Reason: "AFTERCALL_DIAL_RATE and AFTERCALL_LOOKUP_RATE",
		},
	})
	return err
}

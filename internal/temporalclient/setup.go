package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/wording"
)

// MinRetention is the least retention of closed workflows with which late notifications are applied and repeated requests
// recognised.
const MinRetention = 7 * 24 * time.Hour

// Rates are the fleet's activities per second.
type Rates struct{ Dial, Lookup float64 }

// Plan is the state that Setup gives to a namespace.
type Plan struct {
	Rates
	Retention    time.Duration // of closed workflows, in a namespace that Setup creates
	SetRetention bool          // of an existing namespace too

	NexusEndpoint string // name of an endpoint that leads here; empty for none
}

// Setup prepares a namespace: it creates a missing one, sets the rates, and registers search attributes. It may be
// repeated. It continues after a refusal. It calls report for each thing done or already done, and left for each thing to
// do by hand. It returns an error if aftercall cannot work, or would dial at a wrong rate, until that is done.
func Setup(ctx context.Context, c client.Client, namespace string, p Plan, report, left func(string)) error {
	s := setup{ctx, c, namespace, p, report, left}
	made, err := s.namespaceExists()
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	retention := s.retention
	if made {
		retention = func() error { return nil }
	}
	s.turns()
	s.endpoint()
	var faults []error
	for _, err := range []error{
		s.dialRate(p.Dial),
		s.rate(contract.TaskQueueLookup, "AFTERCALL_LOOKUP_RATE", p.Lookup),
		s.attributes(),
		retention(),
	} {
		if err != nil {
			faults = append(faults, err)
		}
	}
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	default: // in one line, unlike errors.Join
		return fmt.Errorf("%w; and %d more: see the list of what to do by hand", faults[0], len(faults)-1)
	}
}

type setup struct {
	ctx          context.Context
	c            client.Client
	namespace    string
	plan         Plan
	report, left func(string)
}

func (s setup) reportf(format string, args ...any) { s.report(fmt.Sprintf(format, args...)) }
func (s setup) leftf(format string, args ...any)   { s.left(fmt.Sprintf(format, args...)) }

// namespaceExists creates a missing namespace. Without the right to look, it assumes that the namespace exists.
func (s setup) namespaceExists() (made bool, err error) {
	w := s.c.WorkflowService()
	_, err = w.DescribeNamespace(s.ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.namespace})
	if !desk.Means(err, desk.ErrNoNamespace) {
		if NotAllowed(err) {
			s.leftf("namespace %s: make sure that it exists and keeps closed workflows for %d days (%d at least); Temporal did not show it: %v",
				s.namespace, days(s.plan.Retention), days(MinRetention), err)
			return false, nil
		}
		return false, err
	}
	_, err = w.RegisterNamespace(s.ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: s.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(s.plan.Retention),
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); there {
		return false, nil
	}
	if err != nil {
		s.leftf("namespace %s: create it, with a retention of %d days (%d at least), and run setup again", s.namespace, days(s.plan.Retention), days(MinRetention))
		return false, err
	}
	s.reportf("namespace %s: created; closed workflows are kept for %d days", s.namespace, days(s.plan.Retention))
	return true, nil
}

// retention sets the retention of an existing namespace, if the plan says so.
func (s setup) retention() error {
	w := s.c.WorkflowService()
	d, err := w.DescribeNamespace(s.ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.namespace})
	if err != nil {
		if NotAllowed(err) {
			return nil // namespaceExists has reported it
		}
		return fmt.Errorf("namespace %s: %w", s.namespace, err)
	}
	kept := d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	switch want := s.plan.Retention; {
	case s.plan.SetRetention && kept != want:
		_, err = w.UpdateNamespace(s.ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: s.namespace, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(want)},
		})
		if err != nil {
			s.leftf("namespace %s: set its retention to %d days; it is %s", s.namespace, days(want), kept)
			return fmt.Errorf("retention of namespace %s: %w", s.namespace, err)
		}
		s.reportf("namespace %s: closed workflows are kept %d days from now on, not %s", s.namespace, days(want), kept)
	case kept < MinRetention:
		s.short(kept)
	default:
		s.reportf("namespace %s: there, closed workflows are kept %d days", s.namespace, days(kept))
	}
	return nil
}

// short reports what a retention below MinRetention means. Nothing acknowledged is lost, and it is enough for a
// trial.
func (s setup) short(kept time.Duration) {
	s.leftf("namespace %s: raise its retention from %s to %d days (%d at least), as aftercall setup --retention does. Until then a notification or a repeated request that comes "+
		"later than %[2]s after the end is taken for a new one, and what became of it is gone from the Temporal UI and the API",
		s.namespace, wording.Duration(kept), days(s.plan.Retention), days(MinRetention))
}

// dialRate sets the rate of the dial queue, unless an operator has stopped it. Without the right to read the rate it leaves
// it unchanged, since it may be a stop.
func (s setup) dialRate(rate float64) error {
	var now dialqueue.Status
	err := s.patiently(func() (err error) {
		now, err = dialqueue.Queue{Client: s.c, Namespace: s.namespace}.Status(s.ctx)
		return err
	})
	switch {
	case err == nil && now.Stop != nil:
		s.reportf("task queue %s: %s; aftercall dial start ends that", contract.TaskQueueDial, now.Stop)
		return nil
	case NotAllowed(err) && rate > 0:
		s.leftf("task queue %s: its rate was not shown and is left as it is; aftercall dial start --rate %g sets it", contract.TaskQueueDial, rate)
		return nil
	case err != nil && !NotAllowed(err):
		return fmt.Errorf("rate of %s: %w", contract.TaskQueueDial, err)
	}
	return s.rate(contract.TaskQueueDial, "AFTERCALL_DIAL_RATE", rate)
}

// turns reports whether calls of different API keys take turns in the dial queue. Temporal does not show that: it is a
// setting of the server, which only a new server has.
func (s setup) turns() {
	r, err := s.c.WorkflowService().GetSystemInfo(s.ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return // its version is unknown
	}
	if v := r.GetServerVersion(); before(v, 1, 29) {
		s.leftf("task queue %s: Temporal %s knows no fairness, so that the calls of one API key may wait behind all those of another; "+
			"1.29 or later does, with matching.enableFairness", contract.TaskQueueDial, v)
		return
	}
	s.reportf("task queue %s: API keys take turns where Temporal has fairness on (matching.enableFairness, or the namespace's switch on Temporal Cloud), "+
		"which it does not show", contract.TaskQueueDial)
}

// before reports whether a version is lower than another one. It returns false for a version that it cannot read.
func before(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a < major || a == major && b < minor
}

// rate sets how many activities of a queue run per second. Workers with the same setting obey it by themselves, so a
// refusal is left to be done by hand. But a rate of 0 that was not set would stop nobody else, so that is an error.
func (s setup) rate(queue, setting string, rate float64) error {
	err := s.patiently(func() error {
		return dialqueue.SetRate(s.ctx, s.c, s.namespace, queue, "aftercall setup", rate, setting)
	})
	switch {
	case err == nil:
		s.reportf("task queue %s: %g per second", queue, rate)
		return nil
	case NotAllowed(err) && rate > 0:
		s.leftf("task queue %s: its rate could not be set (%v); give every worker the same %s=%g, to which they hold by themselves", queue, err, setting, rate)
		return nil
	default:
		s.leftf("task queue %s: set its rate to %g per second", queue, rate)
		return fmt.Errorf("rate of %s: %w", queue, err)
	}
}

// patiently retries while a new namespace is not known everywhere yet, or Temporal is away.
func (s setup) patiently(try func() error) error {
	_, err := backoff.Retry(s.ctx, func() (struct{}, error) {
		err := try()
		if desk.Means(err, desk.ErrNoNamespace) || desk.Means(err, desk.ErrAway) && !desk.Means(err, desk.ErrMisconfigured) {
			return struct{}{}, err
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithMaxElapsedTime(20*time.Second))
	return err
}

// NotAllowed reports whether Temporal will never do this for us: we lack the right, or it lacks the method.
func NotAllowed(err error) bool {
	return desk.Means(err, desk.ErrRefused) || desk.Means(err, desk.ErrNotServed)
}

func days(d time.Duration) int { return int(d.Hours() / 24) }

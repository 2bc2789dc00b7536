// Package dialqueue knows the task queue that phone calls wait in: at what rate it is worked off, who stopped it and why,
// and how many wait. A stop lies in Temporal's configuration of the queue, so that it holds for every worker at once and
// outlives restarts; nothing but Start ends it.
package dialqueue

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/phone"
)

// Queue is the dial queue of a namespace. Its errors are Temporal's.
type Queue struct {
	Client    client.Client
	Namespace string
}

// Status is how the queue is worked off.
type Status struct {
	calls.Dialling
	Source  string          `json:"source"`           // who set the rate: "queue", "workers", or "nobody" where there is none
	SetBy   string          `json:"setBy,omitempty"`  // of "queue"
	Reason  string          `json:"reason,omitempty"` // of "queue"
	Waiting int64           `json:"waiting"`          // calls in the queue, as Temporal estimates it
	Ahead   map[int32]int64 `json:"byPriority"`       // the same by priority
	Workers int             `json:"workers"`          // that poll the queue
	SetAt   *time.Time      `json:"setAt,omitempty"`  // of "queue"
}

// Sources of a rate.
const (
	SourceQueue   = "queue"
	SourceWorkers = "workers"
	SourceNobody  = "nobody"
)

// What the reason of a configuration begins with that is an operator's word: "dial stop by <who>: <why>", "dial start by
// <who>".
const (
	mark      = "dial stop by "
	markEnds  = ": "
	markStart = "dial start by "
)

// longest is how many bytes of text Temporal keeps as a reason, less what we write before it.
const longest = 800

// The rates that a queue may have, in calls per second, besides 0.
const (
	MinRate = 0.0001
	MaxRate = 100_000
)

// CheckRate returns an error for a rate at which nobody dials, such as one that is no finite number.
func CheckRate(rate float64) error {
	if rate >= MinRate && rate <= MaxRate {
		return nil
	}
	return fmt.Errorf("the rate must be between %g and %d calls per second", MinRate, MaxRate)
}

// Stop stops all dialling, at once and until Start. by is who does it, why is for whoever wonders; a phone number in them
// is masked. What is being posted is not called back.
func (q Queue) Stop(ctx context.Context, by, why string) error {
	by = strings.ReplaceAll(by, markEnds, ":")
	return q.Configure(ctx, "aftercall dial stop", 0, mark+by+markEnds+why)
}

// Start lets calls be placed at a rate per second.
func (q Queue) Start(ctx context.Context, by string, rate float64) error {
	return q.Configure(ctx, "aftercall dial start", rate, markStart+by)
}

// Configure sets the rate of the queue, and says why.
func (q Queue) Configure(ctx context.Context, identity string, rate float64, reason string) error {
	return SetRate(ctx, q.Client, q.Namespace, contract.TaskQueueDial, identity, rate, reason)
}

// SetRate sets how many activities of a queue run per second. Phone numbers in the reason are masked.
func SetRate(ctx context.Context, c client.Client, namespace, queue, identity string, rate float64, reason string) error {
	reason = phone.Redact(oneLine(reason))
	_, err := c.WorkflowService().UpdateTaskQueueConfig(ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace: namespace, Identity: identity, TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		UpdateQueueRateLimit: &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{
			RateLimit: &taskqueuepb.RateLimit{RequestsPerSecond: float32(rate)}, Reason: strings.ToValidUTF8(reason[:min(len(reason), longest)], ""),
		},
	})
	return err
}

// oneLine returns a text that a terminal shows as it is, in one line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }), " ")
}

// Status asks Temporal how the queue is worked off.
func (q Queue) Status(ctx context.Context) (Status, error) {
	r, err := q.Client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: q.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: contract.TaskQueueDial}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		ReportStats: true, ReportConfig: true,
	})
	if err != nil {
		return Status{}, err
	}
	s := Status{Source: SourceNobody, Waiting: r.GetStats().GetApproximateBacklogCount(), Ahead: map[int32]int64{}, Workers: len(r.GetPollers())}
	for priority, stats := range r.GetStatsByPriorityKey() {
		if n := stats.GetApproximateBacklogCount(); n > 0 {
			s.Ahead[priority] = n
		}
	}
	if limit := r.GetConfig().GetQueueRateLimit(); limit.GetRateLimit() != nil {
		rate, at := min(float64(limit.GetRateLimit().GetRequestsPerSecond()), MaxRate), limit.GetMetadata().GetUpdateTime().AsTime()
		s.Source, s.Rate, s.SetAt = SourceQueue, &rate, &at
		s.SetBy, s.Reason = limit.GetMetadata().GetUpdateIdentity(), limit.GetMetadata().GetReason()
		if by, why, ok := stopReason(s.Reason); ok && rate == 0 {
			s.Stop = &calls.DialStop{By: by, Reason: why, At: at}
		}
	} else if e := r.GetEffectiveRateLimit(); e.GetRateLimitSource() == enumspb.RATE_LIMIT_SOURCE_WORKER {
		rate := min(float64(e.GetRequestsPerSecond()), MaxRate)
		s.Source, s.Rate = SourceWorkers, &rate
	}
	return s, nil
}

// Said reports whether an operator's dial stop or dial start set the present rate.
func (s Status) Said() bool {
	return s.Source == SourceQueue && (strings.HasPrefix(s.Reason, mark) || strings.HasPrefix(s.Reason, markStart))
}

// Started is the rate that an operator's dial start has set, and that holds now; 0 where none does.
func (s Status) Started() float64 {
	if s.Source != SourceQueue || !strings.HasPrefix(s.Reason, markStart) {
		return 0
	}
	return *s.Rate
}

func stopReason(reason string) (by, why string, ok bool) {
	rest, ok := strings.CutPrefix(reason, mark)
	if !ok {
		return "", "", false
	}
	by, why, _ = strings.Cut(rest, markEnds)
	return by, why, true
}

// String says in a line how the queue is worked off.
func (s Status) String() string {
	if s.Stop != nil {
		return s.Stop.String()
	}
	switch s.Source {
	case SourceQueue:
		return fmt.Sprintf("%s per second, set by %s (%s)", counted(*s.Rate), s.SetBy, s.Reason)
	case SourceWorkers:
		return counted(*s.Rate) + " per second, as the workers ask for"
	default:
		return "no rate is set and no worker asks for one"
	}
}

func counted(calls float64) string {
	if calls == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%.4g calls", calls) // Temporal keeps a float32
}

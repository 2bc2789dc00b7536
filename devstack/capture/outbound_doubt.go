package main

import (
	"context"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// doubtfulScenarios are the paths of the OutboundCall workflow with a refusal, an unknown placement, or a stop.
func doubtfulScenarios() []Scenario {
	return []Scenario{
		requested(Scenario{Path: "unknown-settled-by-the-call-log", Simulator: answers(simulator.FaultAcceptReset)}, "+966500000108", nil, nil),
		requested(Scenario{Path: "silence", Workflows: reportSoon, Settings: forgetSoon}, neverAccepted, nil, nil),
		requested(Scenario{Path: "silence-then-notified", Workflows: reportSoon}, neverAccepted, tellNobody, tellLate),
		requested(Scenario{Path: "lost-then-found-in-the-call-log", Settings: reconcileSoon}, "+966500000108", nil, nil),
		requested(Scenario{Path: "refused", Simulator: answers(simulator.FaultRefuse403)}, callee, nil, nil),
		requested(Scenario{Path: "refused-then-retried-by-an-operator", Simulator: answers(simulator.FaultRefuse403, simulator.FaultSlow), Settings: longGrace},
			callee, nil, retryOrder),
		requested(Scenario{Path: "deadline-between-two-posts", Simulator: answers(simulator.FaultRefuse429)}, callee, within("4s"), nil),
		requested(Scenario{Path: "deadline-in-the-dial-queue", Settings: dialNothing}, callee, within("3s"), nil),
		requested(Scenario{Path: "stopped-in-the-dial-queue", Settings: dialNothing}, callee, nil, stopQueued),
		requested(Scenario{Path: "stopped-between-two-attempts"}, "+966500000103", failover("20s"), stopPending),
		requested(Scenario{Path: "cancelled-by-an-operator", Simulator: answers(simulator.FaultSlow)}, callee, nil, cancelOrder),
		requested(Scenario{Path: "provider-fails-over"}, "+966500000104", func(r *calls.OutboundCallRequest) {
			r.SecondaryCallerID, r.Failover = secondaryCaller, &calls.Failover{By: calls.FailoverByProvider}
		}, nil),
		requested(Scenario{Path: "failure-denied-by-the-call-log", Simulator: silentFailure(0)}, "+966500000108", failover("1s"), tellFailure),
		requested(Scenario{Path: "failure-not-confirmed", Simulator: silentFailure(http.StatusServiceUnavailable)}, "+966500000108",
			func(r *calls.OutboundCallRequest) { failover("1s")(r); within("8s")(r) }, tellFailure),
		requested(Scenario{Path: "outside-calling-hours"}, callee, func(r *calls.OutboundCallRequest) {
			from := time.Now().UTC().Add(2 * time.Hour)
			r.CallingHours = &calls.CallingHours{Timezone: "UTC", From: from.Format("15:04"), To: from.Add(time.Hour).Format("15:04")}
		}, nil),
		requested(Scenario{Path: "within-calling-hours"}, callee, func(r *calls.OutboundCallRequest) {
			now := time.Now().UTC()
			r.CallingHours = &calls.CallingHours{
				Timezone: "UTC", From: now.Add(-time.Hour).Format("15:04"), To: now.Add(time.Hour).Format("15:04"),
			}
		}, nil),
	}
}

const neverAccepted = "+966500000117"

func reportSoon(s *desk.Settings) { s.Outbound.LookupWindow = 2 * time.Second }

func forgetSoon(c *config.Config) { c.CallMaxAge = 12 * time.Second }

func dialNothing(c *config.Config) { c.DialRate = 0 }

func longGrace(c *config.Config) { c.CallGrace = 5 * time.Second }

// answers makes the provider answer the posts in turn with these faults, and repeat the last one.
func answers(faults ...simulator.Fault) func(*simulator.Options) {
	return func(o *simulator.Options) {
		posts := 0
		o.OnPost = func(simulator.Post) simulator.Fault {
			posts++
			return faults[min(posts, len(faults))-1]
		}
	}
}

// silentFailure makes the call log respond with a status; 0: with its entries.
func silentFailure(status int) func(*simulator.Options) {
	return func(o *simulator.Options) { o.OnLookup = func(string) int { return status } }
}

func within(deadline string) func(*calls.OutboundCallRequest) {
	return func(r *calls.OutboundCallRequest) { r.Deadline = deadline }
}

func failover(delay string) func(*calls.OutboundCallRequest) {
	return func(r *calls.OutboundCallRequest) {
		r.SecondaryCallerID, r.Failover = secondaryCaller, &calls.Failover{Delay: delay}
	}
}

func tellNobody(r *calls.OutboundCallRequest) { r.Notify = &calls.Notify{WorkflowID: "nobody"} }

// tellLate notifies the end of the call after the request was reported as unknown.
func tellLate(ctx context.Context, e *Env) error {
	err := e.untilOrder(ctx, "the outcome is unknown", func(s calls.OutboundCallState) bool { return s.Outcome != nil })
	if err != nil {
		return err
	}
	late := notification(callID, "COMPLETED")
	late.To, late.ReferenceID = neverAccepted, calls.AttemptReferenceID(order, 1)
	return e.Tell(ctx, late)
}

// tellFailure notifies a failure that the provider does not know.
func tellFailure(ctx context.Context, e *Env) error {
	var placed simulator.Call
	err := e.Until(ctx, "the call is placed", func() (bool, error) {
		for _, placed = range e.Simulator().Calls() {
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	forged := notification(placed.CallID, "FAILED")
	forged.To, forged.ReferenceID = placed.To, placed.ReferenceID
	return e.Tell(ctx, forged)
}

func stopQueued(ctx context.Context, e *Env) error {
	err := e.untilOrder(ctx, "it waits in the dial queue", func(s calls.OutboundCallState) bool { return s.State == calls.OutboundDialling })
	if err != nil {
		return err
	}
	return stopOrder(ctx, e)
}

func stopPending(ctx context.Context, e *Env) error {
	err := e.untilOrder(ctx, "the second attempt is due", func(s calls.OutboundCallState) bool {
		return s.State == calls.OutboundPending && len(s.Attempts) == 1
	})
	if err != nil {
		return err
	}
	return stopOrder(ctx, e)
}

func cancelOrder(ctx context.Context, e *Env) error {
	err := e.Until(ctx, "the call is placed", func() (bool, error) { return len(e.Simulator().Calls()) > 0, nil })
	if err != nil {
		return err
	}
	return e.Temporal().CancelWorkflow(ctx, orderID, "")
}

// retryOrder waits for the refusal, and retries as an operator would after correcting the setting.
func retryOrder(ctx context.Context, e *Env) error {
	err := e.untilOrder(ctx, "it is refused", func(s calls.OutboundCallState) bool { return s.Outcome != nil })
	if err != nil {
		return err
	}
	update, err := e.Temporal().UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: orderID, UpdateName: contract.UpdateRetryNow.Name, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{contract.RetryNow{Attempt: 1, Reason: "the AppsId is right now"}},
	})
	if err != nil {
		return err
	}
	return update.Get(ctx, nil)
}

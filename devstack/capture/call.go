package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// callScenarios are the paths of the Call workflow.
func callScenarios() []Scenario {
	return []Scenario{
		call("ringing-then-completed", nil, tellAll("RINGING", "COMPLETED")),
		call("completed-then-ringing", nil, tellAll("COMPLETED", "RINGING")),
		call("unknown-status-then-completed", nil, tellAll("HELD_BY_CARRIER", "COMPLETED")),
		call("every-notification-twice", nil, playDuplicates),
		call("revised-within-grace", nil, playRevision),
		call("tracked-before-the-first-notification", nil, playTracked),
		call("awaited-before-the-first-notification", nil, playAwaited),
		call("awaited-by-update", nil, playAwaitedByUpdate),
		call("subscriber-is-gone", nil, playSubscriberGone),
		call("several-recipients-until-grace-is-over", nil, playSeveralRecipients),
		call("many-recipients-gathered", nil, playManyRecipients),
		call("gave-up", giveUpSoon, playGaveUp),
		call("provider-fails-over", nil, playProviderFailsOver),
		hashed(call("another-number-becomes-known", nil, playAnotherNumber)),
		call("cancelled-by-an-operator", nil, playCancelled),
		oftenContinued(call("continued-as-new", nil, playContinued)),
		simulatedCall("found-in-the-call-log", "+966500000108", reconcileSoon),
		simulatedCall("recorded", "+966500000105", nil),
	}
}

// call returns a scenario about the call callID, which is played until its workflow is closed.
func call(path string, settings func(*config.Config), play func(context.Context, *Env) error) Scenario {
	return Scenario{Type: contract.WorkflowCall.Name, Path: path, Settings: settings, Play: func(ctx context.Context, e *Env) (string, error) {
		if err := play(ctx, e); err != nil {
			return "", err
		}
		return calls.CallWorkflowID(callID), e.UntilClosed(ctx, calls.CallWorkflowID(callID))
	}}
}

// hashed returns a scenario in which workflows are found by the hashes of their numbers.
func hashed(s Scenario) Scenario {
	s.Persons = true
	return s
}

// playAnotherNumber notifies another number of the same leg, and changes no other attribute.
func playAnotherNumber(ctx context.Context, e *Env) error {
	first, second := notification(callID, "RINGING"), notification(callID, "RINGING")
	second.From = otherCallee
	for i, n := range []Notification{first, second} {
		if err := e.Tell(ctx, n); err != nil {
			return err
		}
		if err := e.untilHeard(ctx, i+1); err != nil {
			return err
		}
	}
	return e.Tell(ctx, notification(callID, "COMPLETED"))
}

// simulatedCall returns a scenario about a tracked call that was placed elsewhere. The simulator plays it.
func simulatedCall(path, to string, settings func(*config.Config)) Scenario {
	return Scenario{Type: contract.WorkflowCall.Name, Path: path, Settings: settings, Play: func(ctx context.Context, e *Env) (string, error) {
		id, err := e.PlaceElsewhere(ctx, to)
		if err != nil {
			return "", err
		}
		if err := e.API(ctx, http.MethodPut, "/v1/calls/"+id, map[string]string{"to": to}, nil); err != nil {
			return "", err
		}
		return calls.CallWorkflowID(id), e.UntilClosed(ctx, calls.CallWorkflowID(id))
	}}
}

const callID = "call-1"

func reconcileSoon(c *config.Config) { c.ReconcileAfter = time.Second }

func giveUpSoon(c *config.Config) { c.ReconcileAfter, c.CallMaxAge = time.Second, 4*time.Second }

// tellAll notifies statuses, each after the one before has arrived.
func tellAll(statuses ...string) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		for i, status := range statuses {
			if err := e.Tell(ctx, notification(callID, status)); err != nil {
				return err
			}
			if err := e.untilHeard(ctx, i+1); err != nil {
				return err
			}
		}
		return nil
	}
}

// untilHeard waits until n notifications have reached the call.
func (e *Env) untilHeard(ctx context.Context, n int) error {
	return e.UntilSignalled(ctx, calls.CallWorkflowID(callID), contract.SignalCallStatus.Name, n)
}

// untilExpected waits until the call exists, before its first event.
func (e *Env) untilExpected(ctx context.Context) error {
	return e.Until(ctx, "the call is expected", func() (bool, error) {
		_, err := e.Temporal().DescribeWorkflowExecution(ctx, calls.CallWorkflowID(callID), "")
		return err == nil, err
	})
}

// playDuplicates signals twice what the inbox would pass on once.
func playDuplicates(ctx context.Context, e *Env) error {
	if err := tellAll("RINGING")(ctx, e); err != nil {
		return err
	}
	for _, status := range []calls.Status{calls.StatusRinging, calls.StatusCompleted} {
		now := time.Now().UTC()
		event := calls.StatusEvent{
			EventKey: "event-" + string(status), CallKey: callID, CallID: callID, CallSID: callID + "-leg",
			Source: calls.SourceNotification, ReceivedAt: now, Status: status, RawStatus: string(status),
			Direction: calls.DirectionOutbound, From: callerID, To: callee,
		}
		if status.Terminal() {
			event.CompletedAt = &now
		}
		for range 2 {
			err := e.Temporal().SignalWorkflow(ctx, calls.CallWorkflowID(callID), "", contract.SignalCallStatus.Name, event)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// playRevision notifies another ending after a subscriber has received the first.
func playRevision(ctx context.Context, e *Env) error {
	if _, err := e.StartAwait(ctx, "business-1", callID); err != nil {
		return err
	}
	if err := e.untilExpected(ctx); err != nil {
		return err
	}
	if err := tellAll("NO_ANSWER")(ctx, e); err != nil {
		return err
	}
	err := e.UntilCall(ctx, callID, "the subscriber is told", func(s calls.CallState) bool { return len(s.Notified) > 0 })
	if err != nil {
		return err
	}
	later := notification(callID, "COMPLETED")
	later.CompletedAt += 30
	return e.Tell(ctx, later)
}

func playTracked(ctx context.Context, e *Env) error {
	if err := e.API(ctx, http.MethodPut, "/v1/calls/"+callID, map[string]string{"to": callee}, nil); err != nil {
		return err
	}
	elsewhere := notification(callID, "BUSY") // to another number: not the outcome
	elsewhere.CallSID, elsewhere.To = callID+"-other-leg", otherCallee
	if err := e.Tell(ctx, elsewhere); err != nil {
		return err
	}
	return e.Tell(ctx, notification(callID, "COMPLETED"))
}

func playAwaited(ctx context.Context, e *Env) error {
	run, err := e.StartAwait(ctx, "business-1", callID)
	if err != nil {
		return err
	}
	if err := e.untilExpected(ctx); err != nil {
		return err
	}
	if err := tellAll("RINGING", "COMPLETED")(ctx, e); err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

func playAwaitedByUpdate(ctx context.Context, e *Env) error {
	if err := tellAll("RINGING")(ctx, e); err != nil {
		return err
	}
	waiting, err := e.Temporal().UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: calls.CallWorkflowID(callID), UpdateID: contract.UpdateAwaitOutcome.Name, UpdateName: contract.UpdateAwaitOutcome.Name,
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return err
	}
	if err := e.Tell(ctx, notification(callID, "COMPLETED")); err != nil {
		return err
	}
	return waiting.Get(ctx, nil)
}

func playSubscriberGone(ctx context.Context, e *Env) error {
	tracking := map[string]any{"to": callee, "notify": map[string]string{"workflowId": "nobody"}}
	if err := e.API(ctx, http.MethodPut, "/v1/calls/"+callID, tracking, nil); err != nil {
		return err
	}
	return e.Tell(ctx, notification(callID, "REJECTED"))
}

func playSeveralRecipients(ctx context.Context, e *Env) error {
	other := notification(callID, "NO_ANSWER")
	other.CallSID, other.To = callID+"-other-leg", otherCallee
	if err := e.Tell(ctx, other); err != nil {
		return err
	}
	return e.Tell(ctx, notification(callID, "COMPLETED"))
}

// playManyRecipients notifies so many recipients that further events are merged once a second.
func playManyRecipients(ctx context.Context, e *Env) error {
	for i := range 9 {
		n := notification(callID, "COMPLETED")
		n.CallSID, n.To = fmt.Sprintf("%s-leg-%d", callID, i), fmt.Sprintf("%s%d", callee[:len(callee)-1], i)
		if err := e.Tell(ctx, n); err != nil {
			return err
		}
		if i < 5 {
			continue
		}
		if err := e.untilHeard(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

func playGaveUp(ctx context.Context, e *Env) error {
	return e.API(ctx, http.MethodPut, "/v1/calls/"+callID, map[string]string{"to": callee}, nil)
}

// playProviderFailsOver makes the provider dial again by itself after a failure.
func playProviderFailsOver(ctx context.Context, e *Env) error {
	first := notification(callID, "FAILED")
	first.SecondaryCallerID, first.FailureReason = secondaryCaller, "Carrier rejected the caller ID"
	if err := e.Tell(ctx, first); err != nil {
		return err
	}
	if err := e.untilHeard(ctx, 1); err != nil {
		return err
	}
	second := notification(callID, "COMPLETED")
	second.CallSID, second.From = callID+"-second-leg", secondaryCaller
	return e.Tell(ctx, second)
}

// oftenContinued makes every second signal end a run of the Call.
func oftenContinued(s Scenario) Scenario {
	s.Workflows = func(s *desk.Settings) { s.Call.SignalsPerRun = 2 }
	return s
}

// playContinued has a subscriber that waits in one run and receives the outcome in the next. Then the outcome changes.
func playContinued(ctx context.Context, e *Env) error {
	if _, err := e.StartAwait(ctx, "business-1", callID); err != nil {
		return err
	}
	if err := e.untilExpected(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		status string
		seen   func(calls.CallState) bool
	}{
		{"RINGING", func(s calls.CallState) bool { return len(s.Legs) > 0 }},
		{"NO_ANSWER", func(s calls.CallState) bool { return len(s.Notified) > 0 }},
	} {
		if err := e.Tell(ctx, notification(callID, step.status)); err != nil {
			return err
		}
		if err := e.UntilCall(ctx, callID, step.status+" is seen", step.seen); err != nil {
			return err
		}
	}
	later := notification(callID, "COMPLETED")
	later.CompletedAt += 30
	return e.Tell(ctx, later)
}

func playCancelled(ctx context.Context, e *Env) error {
	if err := tellAll("RINGING")(ctx, e); err != nil {
		return err
	}
	return e.Temporal().CancelWorkflow(ctx, calls.CallWorkflowID(callID), "")
}

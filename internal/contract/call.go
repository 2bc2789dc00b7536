package contract

import (
	"time"

	"github.com/aftercall/aftercall/calls"
)

// WorkflowCall is the life of one call.
var WorkflowCall = Workflow[CallInput, calls.CallState]{"Call"}

// Messages to a Call workflow. Waiters share the one update id that is the name of UpdateAwaitOutcome.
var (
	SignalCallStatus   = Signal[calls.StatusEvent]{"call-status"}
	SignalSubscribe    = Signal[calls.Subscription]{calls.SignalSubscribe} // to an OutboundCall and a MaskingSession too
	SignalUnsubscribe  = Signal[calls.Subscription]{calls.SignalUnsubscribe}
	SignalTrack        = Signal[calls.Tracking]{"track"}
	QueryCall          = Query[calls.CallState]{calls.QueryState}
	UpdateAwaitOutcome = Update[None, calls.Outcome]{"await-outcome"}
)

// SignalCallUpdate carries a call's state to the workflow of the request that placed it, and to that of its masking
// session.
var SignalCallUpdate = Signal[calls.CallState]{"call-update"}

// SignalCallOutcome carries a call's outcome to a subscriber.
func SignalCallOutcome(callKey string) Signal[calls.Outcome] {
	return Signal[calls.Outcome]{calls.SignalCallOutcome(callKey)}
}

// Activities that business workflows run through package calls.
var (
	ActivitySubscribe          = Activity[calls.SubscribeRequest, calls.SubscribeResult]{calls.ActivitySubscribe, TaskQueueCalls}
	ActivityUnsubscribe        = Activity[calls.SubscribeRequest, None]{calls.ActivityUnsubscribe, TaskQueueCalls}
	ActivityPlace              = Activity[calls.PlaceRequest, calls.PlaceResult]{calls.ActivityPlace, TaskQueueCalls}
	ActivitySubscribeRecording = Activity[calls.SubscribeRequest, calls.RecordingResult]{calls.ActivitySubscribeRecording, TaskQueueCalls}
	ActivityOpenMask           = Activity[calls.MaskingSessionRequest, calls.Mask]{calls.ActivityOpenMask, TaskQueueCalls}
	ActivityEndMask            = Activity[calls.CloseMaskRequest, None]{calls.ActivityCloseMask, TaskQueueCalls}
	ActivitySubscribeMask      = Activity[calls.SubscribeMaskRequest, calls.SubscribeMaskResult]{calls.ActivitySubscribeMask, TaskQueueCalls}
	ActivityUnsubscribeMask    = Activity[calls.SubscribeMaskRequest, None]{calls.ActivityUnsubscribeMask, TaskQueueCalls}
)

// CallSettings are the settings of a Call workflow. Zero means the default. They travel in the input, so that a running
// call keeps the settings it started with.
type CallSettings struct {
	Grace          time.Duration `json:"grace,omitempty"`          // open this long after the last change once final; default 1 h
	FailoverGrace  time.Duration `json:"failoverGrace,omitempty"`  // until a provisional failure is checked; default 2 min
	MaxAge         time.Duration `json:"maxAge,omitempty"`         // after the last event without an ending: give up; default 24 h
	ReconcileAfter time.Duration `json:"reconcileAfter,omitempty"` // until the call log is asked; default 5 min
	SignalsPerRun  int           `json:"signalsPerRun,omitempty"`  // until ContinueAsNew; 0: when Temporal suggests it
}

// WithDefaults fills in the settings that are not set.
func (s CallSettings) WithDefaults() CallSettings {
	for _, f := range []struct {
		d   *time.Duration
		def time.Duration
	}{
		{&s.Grace, time.Hour}, {&s.FailoverGrace, 2 * time.Minute}, {&s.MaxAge, 24 * time.Hour}, {&s.ReconcileAfter, 5 * time.Minute},
	} {
		if *f.d <= 0 {
			*f.d = f.def
		}
	}
	return s
}

// CallInput starts a Call workflow. For a call without an event yet, State says what is expected of it and Subscribers who
// waits; ContinueAsNew carries over the rest too.
type CallInput struct {
	CallKey     string               `json:"callKey"`
	Edition     int                  `json:"edition,omitempty"`
	Settings    CallSettings         `json:"settings"`
	State       *calls.CallState     `json:"state,omitempty"`
	Subscribers []calls.Subscription `json:"subscribers,omitempty"`
	LastEventAt *time.Time           `json:"lastEventAt,omitempty"`
	Updated     *int                 `json:"updated,omitempty"`  // revision last sent to workflows of ours; absent: that of State
	Told        map[string]int       `json:"told,omitempty"`     // revision last told, by workflow id and waiter
	Recorded    []calls.Recording    `json:"recorded,omitempty"` // those in danger or lost, as last told
	Kept        []string             `json:"kept,omitempty"`     // recordings handed to KeepRecording, by RecordingWorkflowID and URL identity
}

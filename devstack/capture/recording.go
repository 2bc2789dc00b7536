package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/simulator"
)

// recordingScenarios are the paths of the Recording workflow: those that the simulator's numbers produce, and those that a
// scenario has to bring about.
func recordingScenarios() []Scenario {
	down := simulator.Behaviour{Kind: simulator.HostStatus}
	heard := recordingWhere("subscriber-comes-while-it-is-tried", down, playSubscriber)
	heard.Settings = func(c *config.Config) { c.CallGrace = time.Minute }
	return []Scenario{
		recording("stored", "+966500000105"),
		recording("stored-after-three-refusals", "+966500000106"),
		recordingWhere("denied-then-mended", simulator.Behaviour{Kind: simulator.HostStatus, Status: 403}, playRetryNow),
		recordingWhere("link-was-dead-and-refreshed", simulator.Behaviour{Kind: simulator.HostDead, Refresh: true}, nil),
		recordingWhere("login-page-then-stored", simulator.Behaviour{Kind: simulator.HostHTML, Times: 2}, nil),
		recordingWhere("second-url-replaces-the-first", down, playSecondURL),
		recordingWhere("tried-now-by-an-operator", down, playRetryNow),
		recordingWhere("cancelled-by-an-operator", down, func(ctx context.Context, e *Env, was simulator.Recording) error {
			return e.Temporal().CancelWorkflow(ctx, calls.RecordingWorkflowID(was.CallID, was.CallSID), "")
		}),
		heard,
		askedFor("asked-for-and-never-named", "+966500000119", false),
		askedFor("asked-for-and-named-late", "+966500000114", true),
		soughtCall("recording-is-looked-for", "+966500000119"),
		recordingWhere("in-danger-and-tells-its-call", simulator.Behaviour{Kind: simulator.HostStatus, Status: 403}, playRetryNow),
		callWhere("recording-was-in-danger", simulator.Behaviour{Kind: simulator.HostStatus, Status: 403}, playRetryNow),
	}
}

// recordingWhere returns a scenario about the only recording of a call that was placed elsewhere, on a host with a
// behaviour. then, if not nil, runs after the third try.
func recordingWhere(path string, host simulator.Behaviour, then func(context.Context, *Env, simulator.Recording) error) Scenario {
	return Scenario{Type: contract.WorkflowRecording.Name, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
		if err := e.Simulator().SetRecordingHost(simulator.HostRule{Behaviour: host}); err != nil {
			return "", err
		}
		id, err := e.PlaceElsewhere(ctx, "+966500000105")
		if err != nil {
			return "", err
		}
		var was simulator.Recording
		err = e.Until(ctx, "it is recorded", func() (bool, error) {
			was, err = e.recordingOf(id)
			return was.URL != "" && (then == nil || was.Requests == 3), err
		})
		if err == nil && then != nil {
			err = then(ctx, e, was)
		}
		if err != nil {
			return "", err
		}
		workflowID := calls.RecordingWorkflowID(id, was.CallSID)
		return workflowID, e.UntilClosed(ctx, workflowID)
	}}
}

// callWhere is recordingWhere about the recording's call, which receives the news of it.
func callWhere(path string, host simulator.Behaviour, then func(context.Context, *Env, simulator.Recording) error) Scenario {
	s := recordingWhere(path, host, then)
	play := s.Play
	s.Type = contract.WorkflowCall.Name
	s.Settings = func(c *config.Config) { c.CallGrace = 15 * time.Second }
	s.Play = func(ctx context.Context, e *Env) (string, error) {
		recording, err := play(ctx, e)
		if err != nil {
			return "", err
		}
		key, _, _ := strings.Cut(strings.TrimPrefix(recording, "recording:"), ":")
		return calls.CallWorkflowID(key), e.UntilClosed(ctx, calls.CallWorkflowID(key))
	}
	return s
}

// recordingOf returns the simulator's recording of a call, a zero one if there is none yet.
func (e *Env) recordingOf(callID string) (simulator.Recording, error) {
	all, err := e.Simulator().Recordings()
	if i := slices.IndexFunc(all, func(r simulator.Recording) bool { return r.CallID == callID }); i >= 0 {
		return all[i], err
	}
	return simulator.Recording{}, err
}

// askedFor returns a scenario about a recording that our own request asked for and that is not named in time. If it is never
// named, its workflow stays open for days.
func askedFor(path, to string, closes bool) Scenario {
	return Scenario{Type: contract.WorkflowRecording.Name, Path: path, Settings: briefGrace, Play: func(ctx context.Context, e *Env) (string, error) {
		call, err := e.sought(ctx, to)
		if err != nil {
			return "", err
		}
		workflowID := calls.RecordingWorkflowIDOfHash(call.CallKey, call.Recordings[0].LegHash)
		if closes {
			return workflowID, e.UntilClosed(ctx, workflowID)
		}
		return workflowID, e.Until(ctx, "the call log is asked", func() (bool, error) {
			d, err := e.Temporal().DescribeWorkflowExecution(ctx, workflowID, "")
			return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetAttempt() > 1, nil
		})
	}}
}

// soughtCall returns a scenario about the call of such a recording.
func soughtCall(path, to string) Scenario {
	return Scenario{Type: contract.WorkflowCall.Name, Path: path, Settings: briefGrace, Play: func(ctx context.Context, e *Env) (string, error) {
		call, err := e.sought(ctx, to)
		if err != nil {
			return "", err
		}
		return call.WorkflowID, e.UntilClosed(ctx, call.WorkflowID)
	}}
}

func briefGrace(c *config.Config) { c.CallGrace = 50 * time.Millisecond }

// sought places a call with recording, and waits until the recording is looked for.
func (e *Env) sought(ctx context.Context, to string) (call calls.CallState, err error) {
	request := calls.OutboundCallRequest{
		ReferenceID: order, To: to, CallerID: callerID, Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Hello"}, CallRecording: true,
	}
	if err := e.API(ctx, http.MethodPost, "/v1/outbound-calls", request, nil); err != nil {
		return call, err
	}
	if err := e.Until(ctx, "it is placed", func() (bool, error) { return len(e.Simulator().Calls()) == 1, nil }); err != nil {
		return call, err
	}
	return call, e.UntilCall(ctx, e.Simulator().Calls()[0].CallID, "its recording is looked for", func(state calls.CallState) bool {
		call = state
		return len(state.Recordings) == 1
	})
}

// playSecondURL notifies the URL of another recording, on a working host, for the leg whose own recording fails.
func playSecondURL(ctx context.Context, e *Env, was simulator.Recording) error {
	other, err := e.PlaceElsewhere(ctx, "+966500000105")
	if err != nil {
		return err
	}
	if err := e.Simulator().SetRecordingHost(simulator.HostRule{Match: other}); err != nil {
		return err
	}
	var better simulator.Recording
	err = e.Until(ctx, "the other call is recorded", func() (bool, error) {
		better, err = e.recordingOf(other)
		return better.URL != "", err
	})
	if err != nil {
		return err
	}
	n := notification(was.CallID, "COMPLETED")
	n.CallSID, n.RecordingURL = was.CallSID, better.URL
	return e.Tell(ctx, n)
}

// playSubscriber subscribes to the call once its recording has been tried, and waits until the Recording workflow knows.
func playSubscriber(ctx context.Context, e *Env, was simulator.Recording) error {
	if _, err := e.StartAwait(ctx, "business-1", was.CallID); err != nil {
		return err
	}
	if err := e.UntilSignalled(ctx, calls.RecordingWorkflowID(was.CallID, was.CallSID), contract.SignalRecordingURL.Name, 2); err != nil {
		return err
	}
	return playRetryNow(ctx, e, was)
}

// playRetryNow repairs the host and requests a try at once.
func playRetryNow(ctx context.Context, e *Env, was simulator.Recording) error {
	if err := e.Simulator().SetRecordingHost(simulator.HostRule{Match: was.CallID}); err != nil {
		return err
	}
	return e.API(ctx, http.MethodPost, "/v1/recordings/"+was.CallID+"/retry", nil, nil)
}

// recording returns a scenario about the only recording of a call that was placed elsewhere.
func recording(path, to string) Scenario {
	return Scenario{Type: contract.WorkflowRecording.Name, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
		id, err := e.PlaceElsewhere(ctx, to)
		if err != nil {
			return "", err
		}
		if err := e.API(ctx, http.MethodPut, "/v1/calls/"+id, map[string]string{"to": to}, nil); err != nil {
			return "", err
		}
		workflowID := ""
		err = e.UntilCall(ctx, id, "its leg has ended", func(state calls.CallState) bool {
			if state.Final && len(state.Legs) == 1 {
				workflowID = calls.RecordingWorkflowID(state.CallKey, state.Legs[0].Key())
			}
			return workflowID != ""
		})
		if err != nil {
			return "", err
		}
		return workflowID, e.UntilClosed(ctx, workflowID)
	}}
}

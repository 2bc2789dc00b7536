package main

import (
	"context"
	"net/http"

	"github.com/aftercall/aftercall/calls"
)

// recordingScenarios are the paths of the Recording workflow that the numbers of the simulator give.
func recordingScenarios() []Scenario {
	return []Scenario{
		recording("stored", "+966500000105"),
		recording("stored-after-three-refusals", "+966500000106"),
		recording("link-was-dead", "+966500000113"),
	}
}

// recording is a scenario about the only recording of a call that was placed elsewhere.
func recording(path, to string) Scenario {
	return Scenario{Type: calls.TypeRecording, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
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

package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// sessionScenarios are paths through a session that no request has opened, with settings of its own.
func sessionScenarios() []Scenario {
	soon := contract.MaskingSettings{PairingWindow: time.Second, RecordingsAfter: 2 * time.Second}
	often := soon
	often.SignalsPerRun, often.KeepCalls = 3, 2
	recorded := func(deadLink bool, listed string) simulator.MaskedCall {
		return simulator.MaskedCall{Recorded: true, DeadLink: deadLink, Listed: listed}
	}
	return []Scenario{
		session("unknown-mask-to-the-end", soon, simulator.MaskedCall{}),
		session("a-leg-alone-to-the-end", soon, simulator.MaskedCall{Scenario: "no-outbound-leg"}),
		session("two-calls-at-the-same-second", soon, simulator.MaskedCall{Scenario: "same-second,unlinked"}),
		session("continued-as-new", often, simulator.MaskedCall{}, simulator.MaskedCall{Scenario: "shuffled"}, simulator.MaskedCall{}, simulator.MaskedCall{}),
		session("recordings-listed", soon, recorded(false, ""), recorded(true, "other-path")),
		hashed(session("numbers-become-known", soon, simulator.MaskedCall{})),
	}
}

// session returns a scenario about calls through a mask that was made elsewhere, one after the other. A workflow that is
// gone subscribes after the first. In the end the mask is closed, and the session has ended.
func session(path string, settings contract.MaskingSettings, through ...simulator.MaskedCall) Scenario {
	used := func(s *desk.Settings) { s.Masking = settings }
	return Scenario{Type: contract.WorkflowMaskingSession.Name, Path: path, Workflows: used, Play: func(ctx context.Context, e *Env) (string, error) {
		if err := e.makeMask(ctx); err != nil {
			return "", err
		}
		maskID := e.Simulator().Masks()[0].MaskID
		id := calls.MaskingSessionWorkflowID(maskID)
		for i, call := range through {
			call.MaskID, call.From = maskID, callee
			if _, err := e.Simulator().PlaceMaskedCall(call); err != nil {
				return "", err
			}
			if err := e.untilCalls(ctx, maskID, i+1); err != nil {
				return "", err
			}
			if i > 0 {
				continue
			}
			if err := e.Temporal().SignalWorkflow(ctx, id, "", calls.SignalSubscribe, calls.Subscription{WorkflowID: "nobody"}); err != nil {
				return "", err
			}
		}
		if err := e.API(ctx, http.MethodDelete, "/v1/masking-sessions/"+maskID, nil, nil); err != nil {
			return "", err
		}
		return id, e.UntilClosed(ctx, id)
	}}
}

// untilCalls waits until a session knows n calls with their endings.
func (e *Env) untilCalls(ctx context.Context, maskID string, n int) error {
	return e.Until(ctx, "the masked calls are known and over", func() (bool, error) {
		var state calls.MaskingSessionState
		err := e.API(ctx, http.MethodGet, "/v1/masking-sessions/"+maskID, nil, &state)
		known := state.Earlier.Calls
		for _, call := range state.Calls {
			if call.Outcome != nil {
				known++
			}
		}
		return known >= n && e.Simulator().Idle(), err
	})
}

// makeMask makes a mask at the provider, as another client would.
func (e *Env) makeMask(ctx context.Context) error {
	body := strings.NewReader(`{"from":"` + callee + `","to":"` + otherCallee + `"}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Simulator().BaseURL()+"/providers/masks", body)
	if err != nil {
		return err
	}
	request.Header.Set("AppsId", "elsewhere")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		return errors.New("simulator makes no mask: " + response.Status)
	}
	return nil
}

package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/simulator"
)

const rider, driver, stranger = "+966500000101", "+966500000202", "+966500000303"

// openMask requests a session from the API, and returns the response.
func openMask(t *testing.T, s *stack.Stack, req calls.MaskingSessionRequest) (int, calls.MaskingSessionState) {
	t.Helper()
	if req.ReferenceID == "" {
		req.ReferenceID = newID("ride")
	}
	body, err := json.Marshal(req)
	require.NoError(t, err)
	return askMask(t, s, http.MethodPost, "", body)
}

// askMask sends a request about a session to the API. It returns an empty session for any other response.
func askMask(t *testing.T, s *stack.Stack, method, maskID string, body []byte) (int, calls.MaskingSessionState) {
	t.Helper()
	status, answer := request(t, s, method, strings.TrimSuffix("/v1/masking-sessions/"+maskID, "/"), body)
	var state calls.MaskingSessionState
	if status < http.StatusMultipleChoices {
		require.NoError(t, json.Unmarshal(answer, &state))
	}
	return status, state
}

// openedMask opens a session that must be opened, and returns its mask.
func openedMask(t *testing.T, s *stack.Stack, from, to string) string {
	t.Helper()
	status, state := openMask(t, s, calls.MaskingSessionRequest{From: from, To: to})
	require.Equal(t, http.StatusCreated, status)
	require.Equal(t, calls.MaskingOpen, state.State)
	return state.MaskID
}

// awaitMask waits until a session's state is as wanted.
func awaitMask(t *testing.T, s *stack.Stack, maskID string, wanted func(calls.MaskingSessionState) bool) calls.MaskingSessionState {
	t.Helper()
	var state calls.MaskingSessionState
	require.Eventually(t, func() bool {
		status, got := askMask(t, s, http.MethodGet, maskID, nil)
		state = got
		return status == http.StatusOK && wanted(got)
	}, time.Minute, 50*time.Millisecond, "the story of %s is not as wanted: %s", maskID, latest{&state})
	return state
}

// latest prints the current value behind a pointer.
type latest struct{ v any }

func (l latest) String() string {
	text, _ := json.MarshalIndent(l.v, "", " ") //nolint:errchkjson // for people
	return string(text)
}

// story describes each masked call of a session in a line: pairing, outcome, "partial", the legs' callSids.
func story(state calls.MaskingSessionState) []string {
	var lines []string
	for _, c := range state.Calls {
		words := []string{string(c.Pairing)}
		if c.Outcome != nil {
			words = append(words, string(c.Outcome.Status))
			if c.Outcome.Partial {
				words = append(words, "partial")
			}
		}
		for _, l := range []*calls.Leg{c.Inbound, c.Outbound} {
			if l != nil {
				words = append(words, l.CallSID)
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

// callMask makes a masked call through the simulator.
func callMask(t *testing.T, s *stack.Stack, call simulator.MaskedCall) []simulator.PlacedMaskedCall {
	t.Helper()
	placed, err := s.Simulator().PlaceMaskedCall(call)
	require.NoError(t, err)
	return placed
}

func TestMaskedCallsInEveryScenario(t *testing.T) {
	s := start(t, nil)
	paired := func(p []simulator.PlacedMaskedCall) (want []string) {
		for _, c := range p {
			want = append(want, "PAIRED COMPLETED "+c.InboundCallSID+" "+c.OutboundCallSID)
		}
		return want
	}
	alone := func(p []simulator.PlacedMaskedCall) []string {
		return []string{"PARTIAL COMPLETED partial " + p[0].InboundCallSID}
	}
	ambiguous := func(p []simulator.PlacedMaskedCall) (want []string) {
		for _, c := range p {
			want = append(want, "AMBIGUOUS COMPLETED partial "+c.InboundCallSID, "AMBIGUOUS COMPLETED "+c.OutboundCallSID)
		}
		return want
	}
	for scenario, want := range map[string]func([]simulator.PlacedMaskedCall) []string{
		"":                     paired,
		"shuffled":             paired,
		"unlinked":             paired,
		"unlinked,shuffled":    paired,
		"no-call-id":           paired,
		"no-call-id,unlinked":  paired,
		"same-second":          paired,
		"same-second,unlinked": ambiguous,
		"no-outbound-leg":      alone,
		"unknown-caller":       alone,
	} {
		for kind, from := range map[string]string{"two-way": rider, "one-way": ""} {
			t.Run(kind+"/"+scenario, func(t *testing.T) {
				t.Parallel()
				maskID := openedMask(t, s, from, driver)
				caller := rider
				if scenario == "unknown-caller" {
					caller = stranger
				}
				placed := callMask(t, s, simulator.MaskedCall{MaskID: maskID, From: caller, Scenario: scenario})
				lines := want(placed)
				state := awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool {
					got := story(m)
					return len(got) == len(lines) && !slices.ContainsFunc(lines, func(l string) bool { return !slices.Contains(got, l) })
				})
				requireLegs(t, placed, state)
			})
		}
	}
}

// requireLegs compares the legs of a session with those that the simulator played: all of them, each once, with its
// numbers.
func requireLegs(t *testing.T, placed []simulator.PlacedMaskedCall, state calls.MaskingSessionState) {
	t.Helper()
	want, got := map[string]string{}, map[string]string{}
	for _, p := range placed {
		want[p.InboundCallSID] = "INBOUND " + p.From + " " + state.MaskingNumber
		if p.OutboundCallSID != "" {
			want[p.OutboundCallSID] = "OUTBOUND " + state.MaskingNumber + " " + p.To
		}
	}
	for _, c := range state.Calls {
		for _, l := range []*calls.Leg{c.Inbound, c.Outbound} {
			if l != nil {
				require.NotContains(t, got, l.CallSID, "a leg is told once")
				got[l.CallSID] = l.Direction + " " + l.From + " " + l.To
			}
		}
	}
	require.Equal(t, want, got)
}

// TestUnlinkedCallsOneAfterTheOther makes calls in both directions that only their numbers and times tell apart.
func TestUnlinkedCallsOneAfterTheOther(t *testing.T) {
	s := start(t, nil)
	maskID := openedMask(t, s, rider, driver)
	var placed []simulator.PlacedMaskedCall
	for i, from := range []string{rider, driver, rider, rider} {
		placed = append(placed, callMask(t, s, simulator.MaskedCall{MaskID: maskID, From: from, Scenario: "unlinked,shuffled"})...)
		awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool {
			return len(m.Calls) == i+1 && m.Calls[i].Pairing == calls.PairingPaired
		})
	}
	_, state := askMask(t, s, http.MethodGet, maskID, nil)
	requireLegs(t, placed, state)
	for i, p := range placed { // in the order in which they began
		require.Equal(t, "PAIRED COMPLETED "+p.InboundCallSID+" "+p.OutboundCallSID, story(state)[i])
	}
}

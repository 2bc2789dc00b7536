package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// TestOutboundCarriesItsClaims: the next try gets what PlaceCall returned about the dial ledger; another attempt does not.
func TestOutboundCarriesItsClaims(t *testing.T) {
	e := newOutboundEnv(t)
	e.logSays(calls.StatusFailed)
	answers := []contract.PlaceCallResult{
		{Placement: calls.NotPlaced, Reason: "the dial ledger cannot be written", Post: 1, Claims: []string{"n1"}},
		{Placement: calls.NotPlaced, Reason: "429", Post: 2},
		{Placement: calls.NotPlaced, Reason: "from an older worker"},
		{Placement: calls.Placed, CallID: "call-1"},
		{Placement: calls.Placed, CallID: "call-2"},
	}
	e.place = func(n int) (contract.PlaceCallResult, error) { return answers[n-1], nil }
	e.update(30*time.Second, 1, calls.StatusFailed)
	e.update(60*time.Second, 2, calls.StatusCompleted)
	e.run()
	type told struct {
		ref    string
		post   int
		claims []string
	}
	var posts []told
	for _, p := range e.posts {
		posts = append(posts, told{p.ReferenceID, p.Post, p.Claims})
	}
	require.Equal(t, []told{
		{"order-1-a1", 1, nil}, {"order-1-a1", 1, []string{"n1"}}, {"order-1-a1", 2, nil}, {"order-1-a1", 2, nil}, {"order-1-a2", 1, nil},
	}, posts)
}

// TestOutboundTellsItsFirstRun: PlaceCall compares its run with the request's first run, which a reset does not change.
// The test environment knows the current run, and no first one.
func TestOutboundTellsItsFirstRun(t *testing.T) {
	e := newOutboundEnv(t)
	e.update(2*time.Second, 1, calls.StatusCompleted)
	e.run()
	require.Len(t, e.posts, 1)
	require.Empty(t, e.posts[0].OriginalRunID)
}

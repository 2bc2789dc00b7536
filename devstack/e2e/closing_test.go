package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
)

// TestNoSignalIsLostWhileACallCloses sends notifications around the moment at which each call closes. Everything that
// Temporal accepted, according to its history, is in the call's result.
func TestNoSignalIsLostWhileACallCloses(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.CallGrace = 300 * time.Millisecond })
	prefix := newID("closing")
	const many, each = 60, 12
	var senders sync.WaitGroup
	next := make(chan int)
	for range 16 {
		senders.Go(func() {
			for i := range next {
				id := fmt.Sprintf("%s-%d", prefix, i)
				if notify(t, s, notification(id, nil)) != http.StatusOK {
					t.Errorf("call %s was not acknowledged", id)
				}
				for j := range each { // words that the provider has not used before: each is kept
					if notify(t, s, notification(id, map[string]any{"status": fmt.Sprintf("STAGE %d", j), "completedAt": nil})) != http.StatusOK {
						t.Errorf("call %s was not acknowledged", id)
					}
					<-time.After(time.Duration(i%7*15) * time.Millisecond) // across the end of grace
				}
			}
		})
	}
	for i := range many {
		next <- i
	}
	close(next)
	senders.Wait()

	signals, late := 0, 0
	for i := range many {
		id := fmt.Sprintf("%s-%d", prefix, i)
		awaitWorkflow(t, s, calls.CallWorkflowID(id))
		var state calls.CallState
		require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.CallWorkflowID(id), "").Get(t.Context(), &state))
		known := map[string]bool{}
		for _, e := range state.Evidence.Events {
			known[e.EventKey] = true
		}
		accepted := 0
		for _, e := range events(t, s, calls.CallWorkflowID(id)) {
			signal := e.GetWorkflowExecutionSignaledEventAttributes()
			if signal.GetSignalName() != contract.SignalCallStatus.Name {
				continue
			}
			var event calls.StatusEvent
			require.NoError(t, s.DataConverter().FromPayloads(signal.Input, &event))
			require.True(t, known[event.EventKey], "call %s: Temporal accepted %s, the call does not know it", id, event.RawStatus)
			accepted++
		}
		signals += accepted
		late += 1 + each - accepted
	}
	t.Logf("%d signals were accepted and all are known; %d notifications came late", signals, late)
	require.NotZero(t, late, "no call closed while notifications came: the test proves nothing")
}

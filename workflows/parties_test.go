package workflows_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// written records the search attributes that a workflow writes.
func written(e *testsuite.TestWorkflowEnvironment) func() []temporal.SearchAttributes {
	var mu sync.Mutex
	var all []temporal.SearchAttributes
	e.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, args.Get(0).(temporal.SearchAttributes))
	}).Return(nil)
	return func() []temporal.SearchAttributes {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// parties returns the values of PartyHash that were written, in order.
func parties(all []temporal.SearchAttributes) (out [][]string) {
	for _, a := range all {
		if p, ok := a.GetKeywordList(calls.AttributePartyHash); ok {
			out = append(out, p)
		}
	}
	return out
}

// TestACallIsFoundByItsNumbers: the hashes are written with other attributes, or alone if nothing else is new.
func TestACallIsFoundByItsNumbers(t *testing.T) {
	e := newCallEnv(t)
	attributes := written(e.TestWorkflowEnvironment)
	heard := func(status calls.Status, hashes ...string) calls.StatusEvent {
		return said("1", status, func(e *calls.StatusEvent) { e.CallSID, e.Parties = "sid", hashes })
	}
	e.notify(time.Minute, heard(calls.StatusRinging, "b", "a"))
	e.notify(2*time.Minute, heard(calls.StatusAnswered, "a", "b"))
	e.notify(3*time.Minute, heard(calls.StatusAnswered, "c"))
	e.at(3*time.Minute+time.Second, func() {
		require.Equal(t, []string{"a", "b", "c"}, parties(attributes())[2], "alone")
	})
	e.at(4*time.Minute, func() {
		e.SignalWorkflow(contract.SignalTrack.Name, calls.Tracking{To: "+966500000001", Parties: []string{"d"}})
	})
	e.notify(5*time.Minute, heard(calls.StatusCompleted, "a"))
	state := e.run(t, settings)
	require.Equal(t, []string{"a", "b", "c", "d"}, state.Parties)
	require.Equal(t, state.Parties, slices.Concat(parties(attributes())[len(parties(attributes()))-1]))
	for _, event := range state.Evidence.Events {
		require.Empty(t, event.Parties, "they stand in the state, once")
	}
}

// TestASessionIsFoundByItsNumbers: numbers that it was not started with are written.
func TestASessionIsFoundByItsNumbers(t *testing.T) {
	e := newMaskEnv(t)
	attributes := written(e.TestWorkflowEnvironment)
	in, out := maskedLegs(1, calls.StatusCompleted)
	in.Parties, out.Parties = []string{"a", "b"}, []string{"b", "c"}
	e.hear(time.Minute, in)
	e.hear(2*time.Minute, out)
	e.hear(3*time.Minute, in)
	e.run(t, contract.MaskingSettings{})
	require.Equal(t, [][]string{{"a", "b"}, {"a", "b", "c"}}, parties(attributes()))
	require.Equal(t, []string{"a", "b", "c"}, e.sweeps[0].Parties, "its recordings are found too")
}

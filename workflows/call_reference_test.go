package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// TestACallIsFoundByItsRequest holds that a placed call's search attribute is the referenceId of its request.
func TestACallIsFoundByItsRequest(t *testing.T) {
	for ref, want := range map[string]string{"order-1-a2": "order-1", "elsewhere": "elsewhere"} {
		e := newCallEnv(t)
		var got []string
		e.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
			if v, ok := args.Get(0).(temporal.SearchAttributes).GetKeyword(calls.AttributeReferenceID); ok {
				got = append(got, v)
			}
		}).Return(nil)
		e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.ReferenceID = ref }))
		e.run(t, settings)
		require.Contains(t, got, want)
		for _, v := range got {
			require.Equal(t, want, v)
		}
	}
}

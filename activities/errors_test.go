package activities

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// TestWhatIsMerelyAwaitedIsNoError: it is asked for again, and an ERROR in the log for each time would hide the real ones.
func TestWhatIsMerelyAwaitedIsNoError(t *testing.T) {
	t.Parallel()
	for _, err := range []error{notFound(), notTerminal(calls.StatusRinging), noRecordingURL(), notYet(time.Minute)} {
		e, ok := errors.AsType[*temporal.ApplicationError](err)
		require.True(t, ok)
		require.Equal(t, temporal.ApplicationErrorCategoryBenign, e.Category(), err)
		require.False(t, e.NonRetryable())
	}
	e, _ := errors.AsType[*temporal.ApplicationError](notYet(time.Minute))
	require.Equal(t, time.Minute, e.NextRetryDelay())
}

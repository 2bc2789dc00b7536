package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// TestReadClock: the clock of a real server is read between the two moments that are recorded with it, repeatedly, and also
// while a worker polls the same queue.
func TestReadClock(t *testing.T) {
	s := start(t, nil)
	last := time.Time{}
	for range 5 {
		r, err := temporalclient.ReadClock(t.Context(), s.Temporal(), s.TemporalNamespace())
		require.NoError(t, err)
		require.False(t, r.Server.Before(r.Before.Truncate(time.Millisecond)), "%s is before %s", r.Server, r.Before)
		require.False(t, r.Server.After(r.After), "%s is after %s", r.Server, r.After)
		require.True(t, r.Server.After(last), "it is read anew")
		last = r.Server
	}
	skew, err := clock.Skew(t.Context(), func(ctx context.Context) (clock.Reading, error) {
		r, err := temporalclient.ReadClock(ctx, s.Temporal(), s.TemporalNamespace())
		r.Before, r.After = r.Before.Add(3*time.Minute), r.After.Add(3*time.Minute)
		return r, err
	})
	require.NoError(t, err)
	require.InDelta(t, 3*time.Minute, skew, float64(time.Minute), "a machine that is three minutes ahead")
	require.Error(t, clock.Fault(skew))
}

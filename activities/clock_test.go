package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/clock"
)

// wrongBy is the clock of a machine that is ahead of Temporal's.
func wrongBy(ahead time.Duration) *clock.Clock {
	return &clock.Clock{Read: func(context.Context) (clock.Reading, error) {
		now := time.Now()
		return clock.Reading{Server: now.Add(-ahead), Before: now, After: now}, nil
	}}
}

// Whatever this machine's clock says, a dial is neither late nor early by Temporal's.
func TestPlaceCallGoesByTemporalsClock(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 3 * time.Minute, -3 * time.Minute, 24 * time.Hour} {
		temporal := time.Now().Add(-ahead)
		hours := func(from, to time.Duration) *calls.CallingHours {
			return &calls.CallingHours{Timezone: "UTC", From: temporal.UTC().Add(from).Format("15:04"), To: temporal.UTC().Add(to).Format("15:04")}
		}
		for name, tt := range map[string]struct {
			notAfter time.Duration
			hours    *calls.CallingHours
			want     calls.Placement
		}{
			"in time":              {time.Minute, nil, calls.Placed},
			"too late":             {-time.Second, nil, calls.NotPlaced},
			"in the calling hours": {time.Minute, hours(-2*time.Minute, 20*time.Minute), calls.Placed},
			"before the hours":     {time.Minute, hours(20*time.Minute, 2*time.Hour), calls.NotPlaced},
			"the hours are over":   {time.Minute, hours(-2*time.Hour, -20*time.Minute), calls.NotPlaced},
		} {
			in := placeInput()
			in.NotAfter, in.Request.CallingHours = temporal.Add(tt.notAfter), tt.hours
			res := placeBy(t, &activities.Dial{API: &creator{id: "call-1"}, Ledger: openLedger(t), Clock: wrongBy(ahead)}, in)
			require.Equal(t, tt.want, res.Placement, "%s, %s ahead: %s", name, ahead, res.Reason)
			require.InDelta(t, ahead, res.ClockAhead, float64(time.Second), "it is told")
		}
	}
}

// Where nobody knows the time, nothing is dialled, and it is tried again.
func TestPlaceCallNeedsTheTime(t *testing.T) {
	c := &clock.Clock{Read: func(context.Context) (clock.Reading, error) { return clock.Reading{}, errors.New("away") }}
	api := &creator{id: "call-1"}
	res := placeBy(t, &activities.Dial{API: api, Ledger: openLedger(t), Clock: c}, placeInput())
	require.Equal(t, calls.NotPlaced, res.Placement)
	require.False(t, res.Final)
	require.Empty(t, api.posts)
}

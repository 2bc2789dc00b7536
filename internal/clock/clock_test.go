package clock

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is a Temporal whose clock is behind this machine's.
type machine struct {
	behind time.Duration
	away   bool
	reads  int
}

func (m *machine) read(context.Context) (Reading, error) {
	m.reads++
	if m.away {
		return Reading{}, errors.New("away")
	}
	now := time.Now()
	return Reading{Server: now.Add(-m.behind), Before: now, After: now.Add(50 * time.Millisecond)}, nil
}

func TestNowIsTemporals(t *testing.T) {
	for _, behind := range []time.Duration{0, time.Hour, -time.Hour, 24 * time.Hour, 3 * time.Minute, -7 * time.Second} {
		m := &machine{behind: behind}
		c := &Clock{Read: m.read}
		require.NoError(t, c.compare(t.Context()))
		require.WithinDuration(t, time.Now().Add(-behind), c.Now(), 2*time.Second)
		require.InDelta(t, behind, c.Wrong(), float64(time.Second))
	}
	m := &machine{behind: 400 * time.Millisecond}
	c := &Clock{Read: m.read}
	require.NoError(t, c.compare(t.Context()))
	require.Zero(t, c.Wrong())
	require.Zero(t, c.skew, "a slight difference is none")
	require.WithinDuration(t, time.Now(), (*Clock)(nil).Now(), time.Second)
}

func TestNearComparesAgain(t *testing.T) {
	m := &machine{}
	c := &Clock{Read: m.read}
	server := func() time.Time { return time.Now().Add(-m.behind) }
	near := func() time.Time {
		now, err := c.Near(t.Context(), server())
		require.NoError(t, err)
		return now
	}
	near()
	near()
	require.Equal(t, 1, m.reads, "what fits is believed")
	m.behind = time.Hour // somebody set this machine's clock
	require.WithinDuration(t, server(), near(), 2*time.Second)
	require.Equal(t, 2, m.reads)

	// A task that was held up for a minute is late by Temporal's clock too.
	now, err := c.Near(t.Context(), server().Add(-time.Minute))
	require.NoError(t, err)
	require.WithinDuration(t, server(), now, 2*time.Second)

	m.behind, m.away = 0, true
	_, err = c.Near(t.Context(), server())
	require.Error(t, err, "nobody knows the time")
}

func TestAWrongClockIsLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	m := &machine{behind: time.Hour}
	c := &Clock{Read: m.read, Log: slog.New(slog.NewTextHandler(&out, nil))}
	for range 3 {
		require.NoError(t, c.compare(t.Context()))
	}
	m.behind = 0
	for range 3 {
		require.NoError(t, c.compare(t.Context()))
	}
	require.Equal(t, 1, strings.Count(out.String(), "is wrong"), out.String())
	require.Equal(t, 1, strings.Count(out.String(), "right again"))
}

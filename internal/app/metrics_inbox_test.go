package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// counted is an inbox that only counts.
type counted struct {
	inbox.Inbox
	stats inbox.Stats
	err   error
}

func (c *counted) Stats(context.Context) (inbox.Stats, error) { return c.stats, c.err }

// TestAnInboxThatCannotBeReadSaysSo: an inbox that is down is not one with nothing in it, and takes no other metric away.
func TestAnInboxThatCannotBeReadSaysSo(t *testing.T) {
	in := &counted{}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&inboxCollector{in: in})
	shows := func(down, pending, oldest, late float64) {
		t.Helper()
		families, err := registry.Gather()
		require.NoError(t, err)
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				got[name] = m.GetGauge().GetValue()
			}
		}
		require.InDelta(t, down, got["aftercall_inbox_unavailable"], 0)
		require.InDelta(t, pending, got["aftercall_inbox_pending"], 0)
		require.InDelta(t, oldest, got["aftercall_inbox_oldest_seconds"], 0)
		require.InDelta(t, late, got["aftercall_dead_letters late"], 0)
		require.Len(t, got, 3+6)
	}
	in.stats = inbox.Stats{Pending: 3, OldestPending: 2 * time.Second, ByReason: map[inbox.Reason]int{inbox.ReasonLate: 4}}
	shows(0, 3, 2, 4)
	in.stats = inbox.Stats{Unavailable: true}
	shows(1, -1, -1, -1)
	in.stats, in.err = inbox.Stats{}, errors.New("too slow")
	shows(1, -1, -1, -1)
	in.err = nil
	shows(0, 0, 0, 0)
}

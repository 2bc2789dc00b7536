package ledger

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnIdempotencyKeyStandsForOneRequest(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		var mu sync.Mutex
		var all sync.WaitGroup
		first := map[string]int{}
		for _, ref := range []string{"order-1", "order-2", "order-3", "order-1"} {
			all.Go(func() {
				is, err := l.Bind(t.Context(), "outbound-idem-1", ref)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					first[is]++
				}
			})
		}
		all.Wait()
		require.Len(t, first, 1)
		for _, n := range first {
			require.Equal(t, 4, n)
		}
		is, err := l.Bind(t.Context(), "mask-idem-1", "ride-1")
		require.NoError(t, err)
		require.Equal(t, "ride-1", is, "of a masking session it is another key")

		noted, err := l.Noted(t.Context(), "something")
		require.NoError(t, err)
		require.False(t, noted)
		now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
		for i := range 2 {
			at, err := l.Since(t.Context(), "something", now.Add(time.Duration(i)*time.Hour))
			require.NoError(t, err)
			require.Equal(t, now, at)
		}
		noted, err = l.Noted(t.Context(), "something")
		require.NoError(t, err)
		require.True(t, noted)
		removed, err := l.Sweep(t.Context(), time.Now().Add(Lifetime+time.Hour))
		require.NoError(t, err)
		require.Equal(t, 2, removed, "keys are forgotten, notes are not")
	})
}

// TestAnIdempotencyKeyWhoseWritingFails: then the key stands for no request that can be relied on.
func TestAnIdempotencyKeyWhoseWritingFails(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		full := Ledger{objects: unwritable{l.objects}}
		_, err := full.Bind(t.Context(), "outbound-idem-1", "order-1")
		require.ErrorContains(t, err, "no space left")
		_, err = l.Bind(t.Context(), "outbound-idem-1", "order-1")
		require.NoError(t, err)
		is, err := full.Bind(t.Context(), "outbound-idem-1", "order-2")
		require.NoError(t, err)
		require.Equal(t, "order-1", is, "what is there can be read")
	})
}

type unwritable struct{ objects }

func (unwritable) create(context.Context, string, []byte) error { return errors.New("no space left") }

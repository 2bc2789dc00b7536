package inbox_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
	"github.com/aftercall/aftercall/internal/keys"
)

// BenchmarkAppend measures 64 writers with notifications of 700 bytes, four to a call, kept sealed and in clear.
func BenchmarkAppend(b *testing.B) {
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(b, err)
	file := func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "inbox.db") }
	b.Run("sealed", func(b *testing.B) { benchmarkAppend(b, file(b), ring) })
	b.Run("clear", func(b *testing.B) { benchmarkAppend(b, file(b), nil) })
	b.Run("postgres", func(b *testing.B) { benchmarkAppend(b, postgrestest.URL(b), ring) })
}

func benchmarkAppend(b *testing.B, url string, ring *keys.Ring) {
	in, err := inbox.Open(b.Context(), url, inbox.Options{Keys: ring})
	require.NoError(b, err)
	defer in.Close()
	body := bytes.Repeat([]byte("x"), 700)
	var next atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			var took []time.Duration
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				start := time.Now()
				if _, err := in.Append(b.Context(), inbox.Notification{EventKey: fmt.Sprintf("v1-%064x", i), CallKey: fmt.Sprint("call-", i/4), Body: body}); err != nil {
					b.Error(err)
				}
				took = append(took, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

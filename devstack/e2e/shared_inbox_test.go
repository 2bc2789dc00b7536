package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

// TestTwoServesShareAnInbox sends notifications in random order to two serves on one database, a copy to each, while either
// serve and the worker are killed with -9 and PostgreSQL is stopped at once. Then each call matches its acknowledged
// notifications, as if each had come once, and holds no event twice.
//
// A killed serve holds its leases for a minute, so the test runs only if PostgreSQL is required, as in make test-more.
// AFTERCALL_E2E_SHARED is the number of calls, of four notifications each.
func TestTwoServesShareAnInbox(t *testing.T) {
	if os.Getenv("AFTERCALL_TEST_POSTGRES") != "required" {
		t.Skip("SKIPPED, TWO SERVES ON ONE DATABASE ARE NOT TESTED HERE: make test-more does")
	}
	n := 50
	if text := os.Getenv("AFTERCALL_E2E_SHARED"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	database := postgrestest.Start(t)
	url := database.URL(t)
	s := start(t, func(o *stack.Options) { o.Temporal.DataFile = filepath.Join(t.TempDir(), "temporal.db") })
	require.NoError(t, s.StopApp(), "the programs under test run in processes of their own")
	path := buildProduct(t)
	var programs [3]*product
	roles := [3]string{"serve", "serve", "worker"}
	for i := range programs {
		programs[i] = another(t, s, path)
		programs[i].env = append(programs[i].env, "AFTERCALL_INBOX_URL="+url)
		programs[i].quiet = true
		programs[i].startAs(t, roles[i])
		defer func() { programs[i].kill(t) }()
	}
	programs[2].awaitWorking(t)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	events, _ := traffic(random, newID("shared"), n)
	type copied struct {
		delivery
		to *product
	}
	var copies []copied
	for _, d := range events {
		copies = append(copies, copied{d, programs[0]}, copied{d, programs[1]})
	}
	random.Shuffle(len(copies), func(i, j int) { copies[i], copies[j] = copies[j], copies[i] })

	var acknowledged sync.Map // event key to delivery
	var refused atomic.Int64
	next := make(chan copied)
	var senders sync.WaitGroup
	began := time.Now()
	for range 8 {
		senders.Go(func() {
			for c := range next {
				for {
					status, key := c.to.post(t.Context(), c.body)
					if status == http.StatusOK {
						acknowledged.Store(key, c.delivery)
						break
					}
					refused.Add(1)
					select {
					case <-t.Context().Done():
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			}
		})
	}
	at := func(part float64) int { return int(part * float64(len(copies))) }
	for i, c := range copies {
		switch i {
		case at(0.2), at(0.7), at(0.85):
			which := map[int]int{at(0.2): 0, at(0.7): 1, at(0.85): 2}[i]
			programs[which].kill(t)
			programs[which].startAs(t, roles[which])
		case at(0.45):
			database.Stop(t)
			database.Restart(t)
		}
		next <- c
	}
	close(next)
	senders.Wait()
	taken := time.Since(began)
	check(t, s, &acknowledged, len(events))
	twice := 0
	for _, d := range events {
		var state calls.CallState
		v, err := s.Temporal().QueryWorkflow(t.Context(), calls.CallWorkflowID(d.callID), "", calls.QueryState)
		require.NoError(t, err)
		require.NoError(t, v.Get(&state))
		seen := map[string]bool{}
		for _, e := range state.Evidence.Events {
			if seen[e.EventKey] {
				twice++
			}
			seen[e.EventKey] = true
		}
	}
	require.Zero(t, twice, "events that a call has taken twice")
	t.Logf("%d copies of %d notifications acknowledged in %.1f s by two serves, %d tries were not; applied after %.1f s: 0 lost, 0 applied twice",
		len(copies), len(events), taken.Seconds(), refused.Load(), time.Since(began).Seconds())
}

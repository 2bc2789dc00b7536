package inbox_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/inbox"
)

// The inbox behaves like a map in memory, for any actions in any order, including a crash.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	testModel(t, "25", func(_ *rapid.T, run int, now func() time.Time) modelDriver {
		return &modelFiles{dir: filepath.Join(dir, fmt.Sprint("run", run)), now: now}
	})
}

// testModel checks a driver this many times, unless the flag asks for another number.
func testModel(t *testing.T, checks string, driver func(t *rapid.T, run int, now func() time.Time) modelDriver) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		require.NoError(t, f.Value.Set(checks)) // each opens several inboxes; ask for more with the flag
		defer func() { require.NoError(t, f.Value.Set(f.DefValue)) }()
	}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rows: map[string]*modelRow{}, heads: map[string]string{}}
		m.driver = driver(rt, run, func() time.Time { return m.now })
		m.in = m.driver.open(rt)
		defer func() { require.NoError(rt, m.in.Close()) }()
		rt.Repeat(rapid.StateMachineActions(m))
	})
}

type modelState int

const (
	pending modelState = iota
	done
	dead
)

type modelRow struct {
	order    int // of arrival
	id       int64
	call     string
	body     []byte
	received time.Time
	begun    bool
	state    modelState
	attempts int
	retryAt  time.Time
	finished time.Time
	leased   time.Time
	orphan   bool // leased by a process that was killed
}

// modelDriver opens an inbox, and opens it again as after a crash. Leases may outlive the crash.
type modelDriver interface {
	open(t *rapid.T) inbox.Inbox
	crash(t *rapid.T, in inbox.Inbox) (_ inbox.Inbox, leasesLive bool)
}

// modelFiles is the driver with a file; a crash leaves a copy of it.
type modelFiles struct {
	dir string
	now func() time.Time
}

func (f *modelFiles) open(t *rapid.T) inbox.Inbox {
	in, err := inbox.Open(context.Background(), "sqlite:"+filepath.Join(f.dir, "inbox.db"), inbox.Options{Now: f.now})
	require.NoError(t, err)
	return in
}

func (f *modelFiles) crash(t *rapid.T, in inbox.Inbox) (inbox.Inbox, bool) {
	dir := f.dir + "+"
	require.NoError(t, os.CopyFS(dir, os.DirFS(f.dir)))
	require.NoError(t, in.Close())
	f.dir = dir
	return f.open(t), false
}

type model struct {
	driver modelDriver
	in     inbox.Inbox
	now    time.Time
	next   int
	rows   map[string]*modelRow // by event key
	heads  map[string]string    // by call key: its first event
}

func (m *model) keys(state modelState) []string {
	keys := slices.Collect(maps.Keys(m.rows))
	keys = slices.DeleteFunc(keys, func(k string) bool { return m.rows[k].state != state })
	slices.SortFunc(keys, func(a, b string) int { return m.rows[a].order - m.rows[b].order })
	return keys
}

func (m *model) pick(t *rapid.T, state modelState) (string, *modelRow) {
	keys := m.keys(state)
	if state == pending {
		keys = slices.DeleteFunc(keys, func(k string) bool { return m.rows[k].id == 0 }) // never claimed: no id is known
	}
	if len(keys) == 0 {
		t.Skip("none")
	}
	key := rapid.SampledFrom(keys).Draw(t, "row")
	return key, m.rows[key]
}

func (m *model) enqueue(key string) {
	if call := m.rows[key].call; m.heads[call] == "" {
		m.heads[call] = key
	}
}

func (m *model) end(key string, state modelState) {
	r := m.rows[key]
	r.state, r.finished, r.leased, r.orphan = state, m.now, time.Time{}, false
	if m.heads[r.call] != key {
		return
	}
	delete(m.heads, r.call)
	for _, k := range m.keys(pending) {
		if m.rows[k].call == r.call {
			m.heads[r.call] = k
			return
		}
	}
}

func (m *model) Append(t *rapid.T) {
	n := rapid.IntRange(0, 30).Draw(t, "event")
	key, call := fmt.Sprint("e", n), fmt.Sprint("c", n%4)
	body := fmt.Appendf(nil, "%s %d", key, rapid.IntRange(0, 1).Draw(t, "bytes"))
	got, err := m.in.Append(context.Background(), inbox.Notification{EventKey: key, CallKey: call, Body: body, ReceivedAt: m.now})
	require.NoError(t, err)
	r := m.rows[key]
	if r == nil {
		require.Zero(t, got)
		m.next++
		begun := slices.ContainsFunc(slices.Collect(maps.Values(m.rows)), func(r *modelRow) bool { return r.call == call && r.state != dead })
		m.rows[key] = &modelRow{order: m.next, call: call, body: body, received: m.now, begun: begun}
		m.enqueue(key)
		return
	}
	require.Equal(t, inbox.Receipt{Duplicate: true, Variant: !bytes.Equal(r.body, body)}, got)
}

// claimable returns the events that may be claimed, in order of arrival.
func (m *model) claimable() []string {
	return slices.DeleteFunc(m.keys(pending), func(key string) bool {
		r := m.rows[key]
		return m.heads[r.call] != key || r.retryAt.After(m.now) || r.leased.After(m.now)
	})
}

func (m *model) Claim(t *rapid.T) {
	n := rapid.IntRange(1, 3).Draw(t, "n")
	got, err := m.in.Claim(context.Background(), n, time.Minute)
	require.NoError(t, err)
	m.claimed(t, m.claimable(), n, got)
}

func (m *model) ClaimNew(t *rapid.T) {
	n, since := rapid.IntRange(1, 3).Draw(t, "n"), m.now.Add(-rapid.SampledFrom([]time.Duration{0, time.Minute, 24 * time.Hour}).Draw(t, "new"))
	got, err := m.in.ClaimNew(context.Background(), since, n, time.Minute)
	require.NoError(t, err)
	want := slices.DeleteFunc(m.claimable(), func(key string) bool { return m.rows[key].received.Before(since) })
	slices.Reverse(want)
	m.claimed(t, want, n, got)
}

func (m *model) ClaimBegun(t *rapid.T) {
	n := rapid.IntRange(1, 3).Draw(t, "n")
	got, err := m.in.ClaimBegun(context.Background(), n, time.Minute)
	require.NoError(t, err)
	m.claimed(t, slices.DeleteFunc(m.claimable(), func(key string) bool { return !m.rows[key].begun }), n, got)
}

// claimed checks that a claim returned the first n of the wanted events, and leases them.
func (m *model) claimed(t *rapid.T, want []string, n int, got []inbox.Item) {
	want = want[:min(n, len(want))]
	require.Len(t, got, len(want))
	for i, it := range got {
		r := m.rows[want[i]]
		r.id, r.leased, r.orphan = it.ID, m.now.Add(time.Minute), false
		it.ID = 0
		require.Equal(t, inbox.Item{
			Notification: inbox.Notification{EventKey: want[i], CallKey: r.call, Body: r.body, ReceivedAt: r.received}, Attempts: r.attempts,
		}, it)
	}
}

func (m *model) Done(t *rapid.T) {
	key, r := m.pick(t, pending)
	require.NoError(t, m.in.Done(context.Background(), r.id))
	m.end(key, done)
}

func (m *model) Bury(t *rapid.T) {
	key, r := m.pick(t, pending)
	require.NoError(t, m.in.Bury(context.Background(), r.id, inbox.ReasonPermanent, key))
	m.end(key, dead)
}

func (m *model) Release(t *rapid.T) {
	_, r := m.pick(t, pending)
	retryAt := m.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "wait"))
	require.NoError(t, m.in.Release(context.Background(), r.id, retryAt))
	if r.orphan && r.leased.After(m.now) {
		return // leased by another process
	}
	r.retryAt = retryAt
	r.attempts++
	r.leased, r.orphan = time.Time{}, false
}

func (m *model) Requeue(t *rapid.T) {
	key, r := m.pick(t, dead)
	require.NoError(t, m.in.Requeue(context.Background(), inbox.DeadLetterID([]byte(key)), nil))
	r.state, r.attempts, r.retryAt = pending, 0, time.Time{}
	m.enqueue(key)
}

func (m *model) Drop(t *rapid.T) {
	key, r := m.pick(t, dead)
	require.NoError(t, m.in.Drop(context.Background(), inbox.DeadLetterID([]byte(key))))
	r.state, r.finished = done, m.now
}

func (m *model) Advance(t *rapid.T) {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Hour, 48 * time.Hour}).Draw(t, "by"))
}

func (m *model) Sweep(t *rapid.T) {
	_, err := m.in.Sweep(context.Background(), m.now)
	require.NoError(t, err)
	maps.DeleteFunc(m.rows, func(_ string, r *modelRow) bool {
		return r.state == done && !r.finished.After(m.now.Add(-7*24*time.Hour))
	})
}

// Restart closes and opens the inbox, or continues with what a killed process would leave.
func (m *model) Restart(t *rapid.T) {
	leasesLive := false
	if rapid.Bool().Draw(t, "crash") {
		m.in, leasesLive = m.driver.crash(t, m.in)
	} else {
		require.NoError(t, m.in.Close())
		m.in = m.driver.open(t)
	}
	for _, r := range m.rows {
		if r.orphan = r.orphan || leasesLive; !r.orphan {
			r.leased = time.Time{}
		}
	}
}

// Check runs after every action.
func (m *model) Check(t *rapid.T) {
	st, err := m.in.Stats(context.Background())
	require.NoError(t, err)
	require.Equal(t, len(m.keys(pending)), st.Pending)
	require.Equal(t, len(m.keys(dead)), st.DeadLetters)
	leased := 0
	for _, r := range m.rows {
		if r.leased.After(m.now) {
			leased++
		}
	}
	require.Equal(t, leased, st.Leased)
	list, err := m.in.DeadLetters(context.Background(), inbox.Filter{})
	require.NoError(t, err)
	var keys []string
	for _, d := range list {
		keys = append(keys, d.EventKey)
	}
	require.ElementsMatch(t, m.keys(dead), keys)
}

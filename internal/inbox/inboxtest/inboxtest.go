// Package inboxtest is the conformance suite that every driver of package inbox must pass.
package inboxtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// lease is longer than any test.
const lease = time.Hour

// Driver is the driver under test. URL returns the URL of a new, empty place for each test. If several processes may share
// a place, Kill ends an open inbox like a killed process; else it is nil.
type Driver struct {
	URL     func(t *testing.T) string
	Options inbox.Options
	Kill    func(in inbox.Inbox)
}

// Run checks a driver.
func Run(t *testing.T, d Driver) {
	tests := map[string]func(*testing.T, *store){
		"an appended notification is claimed as it came":              testAppendClaim,
		"the same event key is stored once":                           testDuplicate,
		"the same event key at the same time is stored once":          testConcurrentDuplicates,
		"other bytes under the same event key are kept":               testVariant,
		"a notification without a key is refused":                     testInvalid,
		"calls are served in order of arrival, one at a time":         testOrder,
		"a requeued one waits for the one that goes first":            testRequeuedWaits,
		"what has just come is claimed before a backlog":              testNewest,
		"a call that has begun goes before others":                    testBegun,
		"concurrent claims never share a notification":                testConcurrentClaims,
		"a lease ends when its time is over":                          testLeaseExpires,
		"a reopened inbox has everything and no lease":                testReopen,
		"a done notification stays known":                             testDone,
		"a released notification waits and holds back its call":       testRelease,
		"a clock that is set back makes nothing wait longer":          testClockSetBack,
		"a buried notification is a dead letter and frees its call":   testBury,
		"a body without a key is one dead letter however often":       testRefused,
		"dead letters are listed in pages and by reason":              testList,
		"a dead letter with a key is requeued":                        testRequeue,
		"a dead letter without a key is requeued only once it parses": testRequeueReparsed,
		"a dropped dead letter stays known":                           testDrop,
		"what was received for a call is listed in order":             testReceipts,
		"not every repetition is remembered":                          testRepetitionsAreBounded,
		"a dead letter is mended and keeps what came":                 testMend,
		"stats count what is stored":                                  testStats,
		"sweep keeps bodies and keys as long as told":                 testSweep,
		"what matches is erased and stays known":                      testErase,
		"a full inbox refuses growth and nothing else":                testFull,
		"a closed inbox refuses everything":                           testClosed,
	}
	if d.Kill == nil {
		tests["a second opening is refused"] = testInUse
	} else {
		tests["two openings share everything"] = testShared
		tests["two openings never share a notification"] = testSharedClaims
		tests["two openings know the same event key once"] = testSharedDuplicates
		tests["a lease of a killed process ends by time"] = testKilled
		tests["one opening hears of another's appends"] = testArrivals
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{t: t, url: d.URL(t), opts: d.Options, kill: d.Kill, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
			s.open()
			test(t, s)
		})
	}
}

// store is an inbox with a clock; it can be opened again.
type store struct {
	inbox.Inbox
	t    *testing.T
	url  string
	opts inbox.Options
	kill func(inbox.Inbox)

	mu  sync.Mutex
	now time.Time
}

func (s *store) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *store) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *store) open() { s.Inbox = s.another() }

// another opens the same place once more.
func (s *store) another() inbox.Inbox {
	s.t.Helper()
	s.opts.Now = s.clock
	in, err := inbox.Open(s.t.Context(), s.url, s.opts)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, in.Close()) })
	return in
}

func (s *store) reopen() {
	s.t.Helper()
	require.NoError(s.t, s.Close())
	s.open()
}

func (s *store) append(eventKey, callKey string) inbox.Receipt {
	s.t.Helper()
	r, err := s.Append(s.t.Context(), inbox.Notification{EventKey: eventKey, CallKey: callKey, Body: body(eventKey), ReceivedAt: s.clock()})
	require.NoError(s.t, err)
	return r
}

func body(eventKey string) []byte { return fmt.Appendf(nil, `{"event":%q}`, eventKey) }

func (s *store) claim(n int) []inbox.Item {
	s.t.Helper()
	items, err := s.Claim(s.t.Context(), n, lease)
	require.NoError(s.t, err)
	return items
}

// claimed claims up to n and returns the event keys.
func (s *store) claimed(n int) []string {
	s.t.Helper()
	keys := []string{}
	for _, it := range s.claim(n) {
		keys = append(keys, it.EventKey)
	}
	return keys
}

func (s *store) only() inbox.Item {
	s.t.Helper()
	items := s.claim(10)
	require.Len(s.t, items, 1)
	return items[0]
}

func (s *store) stats() inbox.Stats {
	s.t.Helper()
	st, err := s.Stats(s.t.Context())
	require.NoError(s.t, err)
	return st
}

func (s *store) deadLetters(f inbox.Filter) []inbox.DeadLetter {
	s.t.Helper()
	list, err := s.DeadLetters(s.t.Context(), f)
	require.NoError(s.t, err)
	return list
}

var errNotYet = errors.New("still no key")

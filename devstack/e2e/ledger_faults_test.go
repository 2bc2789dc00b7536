package e2e

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// ledgerFault is what is wrong with a store at the moment.
type ledgerFault string

const (
	ledgerWhole   ledgerFault = ""
	ledgerAway    ledgerFault = "away"                    // connections are cut before anything is done
	ledgerFull    ledgerFault = "full"                    // writes are refused, reads work
	ledgerSlow    ledgerFault = "slow"                    // a write is done after the writer has given up, and nobody hears of it
	ledgerMute    ledgerFault = "answers after the write" // a write is done, and its answer is lost
	ledgerMuteAll ledgerFault = "answers neither write nor question"
)

// faultyStore is a dial ledger in S3 with faults: those of the moment, which concern every request, and those by chance,
// which concern one claim.
type faultyStore struct {
	store http.Handler
	url   string // for AFTERCALL_DIAL_LEDGER_URL

	mu     sync.Mutex
	chance *rand.Rand
	now    ledgerFault
	dark   map[string]time.Time // the claims that are not answered for, until when
	counts map[ledgerFault]int
}

// serveFaultyStore starts an S3 with an empty bucket. Its credentials are in the environment, also that of programs which
// the test starts afterwards.
func serveFaultyStore(t *testing.T, chance *rand.Rand) *faultyStore {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("ledger"))
	f := &faultyStore{store: gofakes3.New(backend).Server(), chance: chance, dark: map[string]time.Time{}, counts: map[ledgerFault]int{}}
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	f.url = "s3://ledger?region=eu-west-1&use_path_style=true&response_checksum_validation=when_required&endpoint=" + url.QueryEscape(s.URL)
	return f
}

// set sets the fault of the moment.
func (f *faultyStore) set(fault ledgerFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = fault
}

// claimsInTwenty is how many claims of twenty meet a fault of their own.
const claimsInTwenty = 2

// fault chooses the fault of a request, and counts it.
func (f *faultyStore) fault(r *http.Request) ledgerFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	write, claim := r.Method == http.MethodPut, strings.Contains(r.URL.Path, "/dials/")
	fault := f.now
	switch {
	case fault == ledgerFull && !write:
		fault = ledgerWhole
	case fault != ledgerWhole || !claim:
	case time.Now().Before(f.dark[r.URL.Path]):
		fault = ledgerAway
	case write && f.chance.IntN(20) < claimsInTwenty:
		fault = []ledgerFault{ledgerFull, ledgerSlow, ledgerMute, ledgerMuteAll, ledgerMuteAll}[f.chance.IntN(5)]
	}
	if !write && (fault == ledgerSlow || fault == ledgerMute) {
		fault = ledgerWhole
	}
	if fault == ledgerMuteAll {
		f.dark[r.URL.Path] = time.Now().Add(6 * time.Second) // longer than a writer tries and asks
	}
	f.counts[fault]++
	return fault
}

// ServeHTTP implements http.Handler.
func (f *faultyStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r = r.WithContext(context.WithoutCancel(r.Context())) // a write goes on without its writer
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch f.fault(r) {
	case ledgerWhole:
		f.store.ServeHTTP(w, r)
		return
	case ledgerFull:
		http.Error(w, "no space is left", http.StatusInsufficientStorage)
		return
	case ledgerSlow:
		<-time.After(4 * time.Second)
		fallthrough
	case ledgerMute, ledgerMuteAll:
		f.store.ServeHTTP(httptest.NewRecorder(), r)
	case ledgerAway:
	}
	panic(http.ErrAbortHandler)
}

// happened returns how often each fault has occurred.
func (f *faultyStore) happened() map[ledgerFault]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[ledgerFault]int{}
	for fault, n := range f.counts {
		out[fault] = n
	}
	return out
}

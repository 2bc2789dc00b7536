package activities

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// RecordingStore is what Recordings needs of the store.
type RecordingStore interface {
	Meta(ctx context.Context, callKey, legHash string) (rec calls.Recording, ok bool, err error)
	NewSpool() (*recordings.Spool, error)
	Put(ctx context.Context, rec calls.Recording, parties []string, audio recordings.Audio, content io.ReaderAt) (calls.Recording, error)
}

// RecordingFetcher downloads a recording into a file. Errors: *recordings.FetchError, the context's, or the file's.
type RecordingFetcher interface {
	Fetch(ctx context.Context, url string, into *os.File, progress func(size int64)) (recordings.Audio, error)
}

// RecordingLinkAPI is the provider's second source of recording URLs.
type RecordingLinkAPI interface {
	CallLog(ctx context.Context, id string) (unifonic.CallLog, error)       // unifonic.ErrNotFound or *unifonic.APIError
	MaskRecordingURLs(ctx context.Context, maskID string) ([]string, error) // unifonic.ErrNotFound or *unifonic.APIError
}

// Recordings are the activities of Recording workflows. It must not be copied once in use.
type Recordings struct {
	Store   RecordingStore
	Fetcher RecordingFetcher
	API     RecordingLinkAPI
	Keeper  RecordingKeeper
	Now     func() time.Time // nil: time.Now

	mu   sync.Mutex
	busy map[string]int // downloads under way, by host
}

// downloadsPerHost is the most downloads at once from one host.
const downloadsPerHost = 4

// KeepRecording hands a URL to the Recording workflow of its leg, and returns the recording if that workflow has ended. It
// may be repeated.
func (a *Recordings) KeepRecording(ctx context.Context, r contract.RecordingURL) (calls.Recording, error) {
	return a.Keeper.KeepRecording(ctx, r)
}

// Reasons of a DownloadFailure that are not the URL's fault.
const (
	reasonHostBusy = "host-busy"
	reasonStore    = "store-unavailable"
)

// heartbeatEvery is far below the heartbeat timeout, so that a cancelled download ends soon.
const heartbeatEvery = 10 * time.Second

// DownloadRecording downloads and stores a recording, once: if the leg's recording is already stored, it returns that. See
// downloadError for its errors.
func (a *Recordings) DownloadRecording(ctx context.Context, in contract.DownloadRecordingInput) (calls.Recording, error) {
	tries := int(activity.GetInfo(ctx).Attempt)
	if in.NotBefore != nil {
		if pause := in.NotBefore.Sub(a.now()); tries == 1 && pause > 0 {
			return calls.Recording{}, notYet(pause)
		}
		tries = max(tries-1, 1)
	}
	rec, err := a.download(ctx, in)
	if err != nil {
		return calls.Recording{}, downloadError(err, in, contract.DownloadFailure{Tries: tries, At: a.now().UTC().Truncate(time.Millisecond)})
	}
	rec.Tries = tries
	return rec, nil
}

func (a *Recordings) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

func (a *Recordings) download(ctx context.Context, in contract.DownloadRecordingInput) (calls.Recording, error) {
	rec, ok, err := a.Store.Meta(ctx, in.Recording.CallKey, in.Recording.LegHash)
	if err != nil || ok {
		return rec, err
	}
	host := recordings.Host(in.URL)
	if !a.enter(host) {
		return calls.Recording{}, errHostBusy
	}
	defer a.leave(host)
	var size atomic.Int64
	defer heartbeat(ctx, &size)()
	spool, err := a.Store.NewSpool()
	if err != nil {
		return calls.Recording{}, err
	}
	defer func() { _ = spool.Close() }()
	audio, err := a.Fetcher.Fetch(ctx, in.URL, spool.File, size.Store)
	if err != nil {
		return calls.Recording{}, err
	}
	if audio, err = a.trust(in, audio); err != nil {
		return calls.Recording{}, err
	}
	return a.Store.Put(ctx, in.Recording, in.Parties, audio, spool)
}

var errHostBusy = errors.New("enough downloads from this host are under way")

// enter takes one of the host's places. It does not wait for one, or a slow host would soon block every worker.
func (a *Recordings) enter(host string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy[host] >= downloadsPerHost {
		return false
	}
	if a.busy == nil {
		a.busy = map[string]int{}
	}
	a.busy[host]++
	return true
}

func (a *Recordings) leave(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy[host]--; a.busy[host] == 0 {
		delete(a.busy, host)
	}
}

// heartbeat reports the size until the function that it returns is called.
func heartbeat(ctx context.Context, size *atomic.Int64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeatEvery)
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx, size.Load())
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// RefreshRecordingURL asks the provider for another URL of a recording: first the call log for the leg, then the session's
// list. A URL of that list counts only if it is equal in scheme, host and path. An empty result means that the provider has
// no other URL. The request is retried if the provider could not answer, or if the input is patient.
func (a *Recordings) RefreshRecordingURL(ctx context.Context, in contract.RefreshRecordingURLInput) (contract.RefreshRecordingURLResult, error) {
	failed := providerError
	if in.Patient { // today's refusal may be corrected tomorrow
		failed = logError
	}
	logged, err := a.loggedURLs(ctx, in)
	if err != nil {
		return contract.RefreshRecordingURLResult{}, failed(err)
	}
	listed, err := a.listedURLs(ctx, in)
	if err != nil {
		return contract.RefreshRecordingURLResult{}, failed(err)
	}
	for _, u := range append(logged, listed...) {
		if u != "" && u != in.URL {
			return contract.RefreshRecordingURLResult{URL: u}, nil
		}
	}
	if in.Patient {
		return contract.RefreshRecordingURLResult{}, noRecordingURL()
	}
	return contract.RefreshRecordingURLResult{}, nil
}

// loggedURLs returns the URLs that the call log has for the leg.
func (a *Recordings) loggedURLs(ctx context.Context, in contract.RefreshRecordingURLInput) (urls []string, err error) {
	if in.CallID == "" {
		return nil, nil
	}
	log, err := a.API.CallLog(ctx, in.CallID)
	if err != nil && !errors.Is(err, unifonic.ErrNotFound) {
		return nil, err
	}
	for _, e := range log.Recipients {
		only := len(log.Recipients) == 1 && (in.CallSID == "" || in.URL == "")
		if only || (in.CallSID != "" && e.CallSID == in.CallSID) {
			urls = append(urls, e.RecordingURL)
		}
	}
	return urls, nil
}

// listedURLs returns the URLs of the session's list that name the same recording.
func (a *Recordings) listedURLs(ctx context.Context, in contract.RefreshRecordingURLInput) (urls []string, err error) {
	if in.MaskID == "" {
		return nil, nil
	}
	list, err := a.API.MaskRecordingURLs(ctx, in.MaskID)
	if err != nil && !errors.Is(err, unifonic.ErrNotFound) {
		return nil, err
	}
	identity := calls.RecordingIdentity(in.URL)
	for _, u := range list {
		if identity != "" && calls.RecordingIdentity(u) == identity {
			urls = append(urls, u)
		}
	}
	return urls, nil
}

package contract

import (
	"cmp"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// WorkflowRecording is the life of one recording.
var WorkflowRecording = Workflow[RecordingInput, calls.Recording]{"Recording"}

// Messages to a Recording workflow.
var (
	SignalRecordingURL   = Signal[RecordingURL]{"recording-url"}
	QueryRecording       = Query[calls.Recording]{calls.QueryState}
	QueryRecordingURL    = Query[RecordingURL]{"recording-url"} // the URL being tried, or tried last; of a failed recording too
	UpdateRetryRecording = Update[None, None](UpdateRetryNow)
)

// SignalRecording carries the status of a recording to a subscriber of its call.
func SignalRecording(callKey string) Signal[calls.Recording] {
	return Signal[calls.Recording]{calls.SignalRecording(callKey)}
}

// Activities of recordings.
var (
	ActivityKeepRecording       = Activity[RecordingURL, calls.Recording]{"KeepRecording", TaskQueue}
	ActivityDownloadRecording   = Activity[DownloadRecordingInput, calls.Recording]{"DownloadRecording", TaskQueueRecordings}
	ActivityRefreshRecordingURL = Activity[RefreshRecordingURLInput, RefreshRecordingURLResult]{"RefreshRecordingURL", TaskQueueLookup}
)

// RecordingInput starts a Recording workflow. Its URL comes by signal SignalRecordingURL.
type RecordingInput struct {
	CallKey string `json:"callKey"`
	LegHash string `json:"legHash"`
	Leg     string `json:"leg,omitempty"`    // the leg's callSid
	MaskID  string `json:"maskId,omitempty"` // set if the recording belongs to a session, not to a leg
	Asked   bool   `json:"asked,omitempty"`  // as in the RecordingURL that starts it
}

// Input returns the input of the Recording workflow of this URL.
func (r RecordingURL) Input() RecordingInput {
	in := RecordingInput{CallKey: r.CallKey, LegHash: cmp.Or(r.LegHash, calls.LegHash(r.LegKey)), Leg: calls.Key(r.CallSID), Asked: r.Asked}
	if r.Path != "" {
		in.LegHash += "-" + r.Path
	}
	if strings.HasPrefix(r.LegKey, sessionLegPrefix) {
		in.MaskID = calls.Key(r.MaskID)
	}
	return in
}

const sessionLegPrefix = "session|"

// SessionLegKey returns the LegKey of a recording of a masking session, which has no leg. identity is its
// RecordingIdentity.
func SessionLegKey(identity string) string { return sessionLegPrefix + identity }

// RecordingURL is the payload of signal SignalRecordingURL. URL is a secret.
type RecordingURL struct {
	CallKey     string     `json:"callKey"`
	CallID      string     `json:"callId,omitempty"`
	LegKey      string     `json:"legKey"`
	LegHash     string     `json:"legHash,omitempty"` // hash of the leg; absent: calls.LegHash of LegKey
	CallSID     string     `json:"callSid,omitempty"`
	MaskID      string     `json:"maskId,omitempty"`
	ReferenceID string     `json:"referenceId,omitempty"` // of the call, as it may stand in search attributes
	URL         string     `json:"url,omitempty"`         // empty: only subscribers are added, unless Asked
	Asked       bool       `json:"asked,omitempty"`       // a recording was requested and no URL has come: look for it
	Path        string     `json:"path,omitempty"`        // 12 hex of the URL's path, if the leg has an earlier recording
	EventKey    string     `json:"eventKey,omitempty"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
	Seconds     int        `json:"seconds,omitempty"` // length of the leg, if this is its only recording
	ReceivedAt  time.Time  `json:"receivedAt"`
	Subscribers []string   `json:"subscribers,omitempty"` // workflow ids
	Parties     []string   `json:"parties,omitempty"`     // keyed hashes of the call's numbers
}

// DownloadRecordingInput says what to download and how to store it. URL is a secret.
type DownloadRecordingInput struct {
	Recording calls.Recording `json:"recording"` // call key, leg, leg hash, mask and deadline
	URL       string          `json:"url"`
	// News makes the activity report each reason that is not in Known; it retries known ones without reporting them.
	// Workflows from before News leave it out: they only hear of failures that they cannot continue from.
	News  bool     `json:"news,omitempty"`
	Known []string `json:"known,omitempty"`
	// NotBefore is when the next try is due; until then none is made.
	NotBefore *time.Time `json:"notBefore,omitempty"`
	// Seconds is the length of the leg; zero if that says nothing about the recording.
	Seconds int `json:"seconds,omitempty"`
	// Held describes the last answer that may not be the whole recording.
	Held *HeldRecording `json:"held,omitempty"`
	// LastChance accepts a recording that may not be whole: it is better than nothing now.
	LastChance bool `json:"lastChance,omitempty"`
	// Parties are stored beside the bytes, which are found by them when a person's data is erased.
	Parties []string `json:"parties,omitempty"`
	// Suspect stands for Known in workflows from before Known: they already know that this URL gives no recording.
	Suspect bool `json:"suspect,omitempty"`
}

// HeldRecording describes an answer of the host that may not be the whole recording. The recording is requested again
// until equal answers show that it is whole.
type HeldRecording struct {
	SHA256  string    `json:"sha256"`
	Since   time.Time `json:"since"`   // of the first equal answer
	Answers int       `json:"answers"` // that were equal
}

// DownloadFailure is the detail of DownloadRecording's errors.
type DownloadFailure struct {
	Reason     string        `json:"reason"`           // one of the reasons of package recordings, or one below
	Advice     string        `json:"advice,omitempty"` // what an operator can do, if known
	Tries      int           `json:"tries"`            // of this activity, including this one
	HTTPStatus int           `json:"httpStatus,omitempty"`
	At         time.Time     `json:"at,omitzero"`          // of this try
	RetryAfter time.Duration `json:"retryAfter,omitempty"` // what the host asked for, at most ten minutes
	SHA256     string        `json:"sha256,omitempty"`     // of the bytes, if they may not be whole
}

// RefreshRecordingURLInput holds a dead URL and where to look for a live one. URL is empty if none is known. It is a
// secret.
type RefreshRecordingURLInput struct {
	URL     string `json:"url"`
	CallID  string `json:"callId,omitempty"`  // as the provider gave it; empty: the call log is not asked
	CallSID string `json:"callSid,omitempty"` // of the leg; empty: the only recipient's
	MaskID  string `json:"maskId,omitempty"`  // empty: the session's list is not asked
	// Patient returns the error ErrTypeNoRecordingURL when there is no URL. It is retried, so that repeated requests do not
	// grow the history.
	Patient bool `json:"patient,omitempty"`
}

// ErrTypeNoRecordingURL is the type of RefreshRecordingURL's error if the provider has given no URL yet.
const ErrTypeNoRecordingURL = "NO_RECORDING_URL"

// RefreshRecordingURLResult is another URL for the same recording, or empty. The URL is a secret.
type RefreshRecordingURLResult struct {
	URL string `json:"url,omitempty"`
}

// Types of the errors of DownloadRecording. Each has a DownloadFailure as detail. DownloadRecordingInput decides whether
// one is retried.
const (
	ErrTypeRecordingUnfetchable = "RECORDING_UNFETCHABLE" // not requested, because of a setting or its URL
	ErrTypeRecordingForbidden   = "RECORDING_FORBIDDEN"   // the host denies it, or does not have it yet
	ErrTypeRecordingURLDead     = "RECORDING_URL_DEAD"    // the host says that this URL has expired
	ErrTypeRecordingNotAudio    = "RECORDING_NOT_AUDIO"
	ErrTypeRecordingNotWhole    = "RECORDING_NOT_WHOLE"   // the answer may not be the whole recording
	ErrTypeRecordingUnavailable = "RECORDING_UNAVAILABLE" // the host did not return it, or only a part
	ErrTypeRecordingHostBusy    = "RECORDING_HOST_BUSY"   // the URL was not tried; always retried
	ErrTypeRecordingStore       = "RECORDING_STORE"       // it could not be stored; always retried
	ErrTypeRecordingNotYet      = "RECORDING_NOT_YET"     // the next try is not due; always retried, and without a detail
)

// RecordingHourly is the pause between tries of a URL that its host denies: that rarely ends, and the host sees each try.
const RecordingHourly = time.Hour

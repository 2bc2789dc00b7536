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
	QueryRecordingURL    = Query[RecordingURL]{"recording-url"} // the one that is tried, or was tried last; of a failed one too
	UpdateRetryRecording = Update[None, None](UpdateRetryNow)
)

// SignalRecording carries what became of a recording to a subscriber of its call.
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
	MaskID  string `json:"maskId,omitempty"` // set where the recording belongs to a session, not to a leg
	Asked   bool   `json:"asked,omitempty"`  // as in the RecordingURL that starts it
}

// Input is what the Recording workflow of this URL is started with.
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

// SessionLegKey stands in a RecordingURL for the leg that a recording of a masking session does not have. identity is
// its RecordingIdentity.
func SessionLegKey(identity string) string { return sessionLegPrefix + identity }

// RecordingURL is the payload of signal SignalRecordingURL. URL is a secret.
type RecordingURL struct {
	CallKey     string     `json:"callKey"`
	CallID      string     `json:"callId,omitempty"`
	LegKey      string     `json:"legKey"`
	LegHash     string     `json:"legHash,omitempty"` // that stands for the leg; calls.LegHash of LegKey where absent
	CallSID     string     `json:"callSid,omitempty"`
	MaskID      string     `json:"maskId,omitempty"`
	ReferenceID string     `json:"referenceId,omitempty"` // of the call, as it may stand in search attributes
	URL         string     `json:"url,omitempty"`         // empty: only subscribers are added, unless Asked
	Asked       bool       `json:"asked,omitempty"`       // the recording was asked for and nobody said its URL: it is looked for
	Path        string     `json:"path,omitempty"`        // 12 hex of the URL's path, where the leg has an earlier recording
	EventKey    string     `json:"eventKey,omitempty"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
	Seconds     int        `json:"seconds,omitempty"` // how long the leg lasted, where this is its only recording
	ReceivedAt  time.Time  `json:"receivedAt"`
	Subscribers []string   `json:"subscribers,omitempty"` // workflow ids
	Parties     []string   `json:"parties,omitempty"`     // keyed hashes of the call's numbers
}

// DownloadRecordingInput says what to fetch and as what to store it. URL is a secret.
type DownloadRecordingInput struct {
	Recording calls.Recording `json:"recording"` // call key, leg, leg hash, mask and deadline
	URL       string          `json:"url"`
	// News says that the workflow wants to hear of each reason that is not in Known; what it knows is tried again without
	// a word to it. Workflows from before it was there leave it out, and hear only of what they cannot go on from.
	News  bool     `json:"news,omitempty"`
	Known []string `json:"known,omitempty"`
	// NotBefore is when the next try is due; until then none is made.
	NotBefore *time.Time `json:"notBefore,omitempty"`
	// Seconds is how long the leg lasted; zero where that says nothing of the recording.
	Seconds int `json:"seconds,omitempty"`
	// Held is what the last answer was that may not be the whole recording.
	Held *HeldRecording `json:"held,omitempty"`
	// LastChance says that what may not be whole is better than nothing now.
	LastChance bool `json:"lastChance,omitempty"`
	// Parties are kept beside the bytes, by which they are found when a person's data is erased.
	Parties []string `json:"parties,omitempty"`
	// Suspect is what Known is to workflows from before it: that no recording comes from this URL is no news.
	Suspect bool `json:"suspect,omitempty"`
}

// HeldRecording is what a host gave that may not be the whole recording. It is asked for again until that is shown by
// answers that are alike.
type HeldRecording struct {
	SHA256  string    `json:"sha256"`
	Since   time.Time `json:"since"`   // of the first answer that was alike
	Answers int       `json:"answers"` // that were alike
}

// DownloadFailure is the detail of DownloadRecording's errors.
type DownloadFailure struct {
	Reason     string        `json:"reason"`           // one of the reasons of package recordings, or one below
	Advice     string        `json:"advice,omitempty"` // what an operator can do, where that is known
	Tries      int           `json:"tries"`            // of this activity, this one included
	HTTPStatus int           `json:"httpStatus,omitempty"`
	At         time.Time     `json:"at,omitzero"`          // of this try
	RetryAfter time.Duration `json:"retryAfter,omitempty"` // what the host asked for, cut to ten minutes
	SHA256     string        `json:"sha256,omitempty"`     // of what came, where that may not be whole
}

// RefreshRecordingURLInput is a URL that is dead, and where to look for a living one; or none, where none is known. The
// URL is a secret.
type RefreshRecordingURLInput struct {
	URL     string `json:"url"`
	CallID  string `json:"callId,omitempty"`  // as the provider gave it; empty: the call log is not asked
	CallSID string `json:"callSid,omitempty"` // of the leg; empty: the only recipient's
	MaskID  string `json:"maskId,omitempty"`  // empty: the session's list is not asked
	// Patient makes an error of it that there is none, ErrTypeNoRecordingURL, which is retried: asking again and again does
	// not grow the history.
	Patient bool `json:"patient,omitempty"`
}

// ErrTypeNoRecordingURL is the type of RefreshRecordingURL's error where the provider has not said a URL yet.
const ErrTypeNoRecordingURL = "NO_RECORDING_URL"

// RefreshRecordingURLResult is another URL for the same recording, which is a secret, or none.
type RefreshRecordingURLResult struct {
	URL string `json:"url,omitempty"`
}

// Types of the errors of DownloadRecording. Each has a DownloadFailure as detail. Whether one is retried is said by
// DownloadRecordingInput.
const (
	ErrTypeRecordingUnfetchable = "RECORDING_UNFETCHABLE" // by a setting or by its URL, it is not asked for
	ErrTypeRecordingForbidden   = "RECORDING_FORBIDDEN"   // the host denies it, or does not have it yet
	ErrTypeRecordingURLDead     = "RECORDING_URL_DEAD"    // the host says that this URL is over
	ErrTypeRecordingNotAudio    = "RECORDING_NOT_AUDIO"
	ErrTypeRecordingNotWhole    = "RECORDING_NOT_WHOLE"   // something came that may not be all of it
	ErrTypeRecordingUnavailable = "RECORDING_UNAVAILABLE" // the host did not give it, or not whole
	ErrTypeRecordingHostBusy    = "RECORDING_HOST_BUSY"   // the URL was not tried; always retried
	ErrTypeRecordingStore       = "RECORDING_STORE"       // it could not be stored; always retried
	ErrTypeRecordingNotYet      = "RECORDING_NOT_YET"     // its time has not come; always retried, and without a detail
)

// RecordingHourly is the pause between tries of a URL that its host denies: it rarely heals, and asking is seen there.
const RecordingHourly = time.Hour

package contract

import (
	"cmp"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// Workflows of masking sessions. A run that continues one carries more than its input, see package workflows.
var (
	WorkflowOpenMaskingSession = Workflow[OpenMaskingSessionInput, calls.MaskingSessionState]{"OpenMaskingSession"}
	WorkflowMaskingSession     = Workflow[MaskingSessionInput, calls.MaskingSessionState]{"MaskingSession"}
)

// Messages to a MaskingSession workflow, beside SignalCallUpdate, SignalSubscribe, SignalUnsubscribe and
// SignalRecording.
var (
	SignalMaskOpened    = Signal[MaskOpened]{"mask-opened"}
	QueryMaskingSession = Query[calls.MaskingSessionState]{calls.QueryState}
	UpdateClose         = Update[None, calls.MaskingSessionState]{"close"}
)

// SignalMaskingClosed carries the end of a masking session to its subscribers.
func SignalMaskingClosed(maskID string) Signal[calls.MaskingSummary] {
	return Signal[calls.MaskingSummary]{calls.SignalMaskingClosed(maskID)}
}

// Activities of masking sessions. ActivityCreateMask may make a mask: give it one attempt only.
var (
	ActivityCreateMask            = Activity[CreateMaskInput, CreateMaskResult]{"CreateMask", TaskQueue}
	ActivityFindMask              = Activity[FindMaskInput, FindMaskResult]{"FindMask", TaskQueue}
	ActivityStartMaskingSession   = Activity[StartMaskingSessionInput, None]{"StartMaskingSession", TaskQueue}
	ActivityTellMaskingSession    = Activity[TellMaskingSessionInput, TellMaskingSessionResult]{"TellMaskingSession", TaskQueue}
	ActivityCloseMask             = Activity[CloseMaskInput, None]{"CloseMask", TaskQueue}
	ActivityKeepSessionRecordings = Activity[KeepSessionRecordingsInput, KeepSessionRecordingsResult]{"KeepSessionRecordings", TaskQueue}
)

// MaskingSettings are the settings of MaskingSession and OpenMaskingSession. Zero means the default. They travel in the
// input, so that a running session keeps the settings it started with.
type MaskingSettings struct {
	Grace           time.Duration `json:"grace,omitempty"`           // open this long after the mask's 24 hours; default 1 h
	PairingWindow   time.Duration `json:"pairingWindow,omitempty"`   // how long one leg waits for the other; default 2 min
	RecordingsAfter time.Duration `json:"recordingsAfter,omitempty"` // quiet time until the session's recordings are listed; default 1 h
	LookupWindow    time.Duration `json:"lookupWindow,omitempty"`    // how long to look for a mask that may exist; default 5 min
	OpenWithin      time.Duration `json:"openWithin,omitempty"`      // how long to retry a mask that cannot exist yet; default 10 min
	ProviderTimeout time.Duration `json:"providerTimeout,omitempty"` // of one request to the provider; default 10 s
	KeepCalls       int           `json:"keepCalls,omitempty"`       // calls kept in full; default 300
	SignalsPerRun   int           `json:"signalsPerRun,omitempty"`   // until ContinueAsNew; default 2,000
}

// WithDefaults fills in the settings that are not set.
func (s MaskingSettings) WithDefaults() MaskingSettings {
	s.Grace = cmp.Or(max(s.Grace, 0), time.Hour)
	s.PairingWindow = cmp.Or(max(s.PairingWindow, 0), 2*time.Minute)
	s.RecordingsAfter = cmp.Or(max(s.RecordingsAfter, 0), time.Hour)
	s.LookupWindow = cmp.Or(max(s.LookupWindow, 0), 5*time.Minute)
	s.OpenWithin = cmp.Or(max(s.OpenWithin, 0), 10*time.Minute)
	s.ProviderTimeout = cmp.Or(max(s.ProviderTimeout, 0), 10*time.Second)
	s.KeepCalls = cmp.Or(max(s.KeepCalls, 0), 300)
	s.SignalsPerRun = cmp.Or(max(s.SignalsPerRun, 0), 2000)
	return s
}

// MaskingSessionInput starts a MaskingSession workflow.
type MaskingSessionInput struct {
	Edition  int             `json:"edition,omitempty"`
	MaskID   string          `json:"maskId"`            // as the provider writes it
	MaskKey  string          `json:"maskKey,omitempty"` // key of the mask; absent: calls.Key of MaskID
	Settings MaskingSettings `json:"settings,omitzero"`
}

// Key returns the key that stands for the mask in ids and signal names.
func (in MaskingSessionInput) Key() string { return cmp.Or(in.MaskKey, calls.Key(in.MaskID)) }

// OpenMaskingSessionInput starts an OpenMaskingSession workflow. A bare MaskingSessionRequest decodes into it too.
type OpenMaskingSessionInput struct {
	calls.MaskingSessionRequest
	Settings MaskingSettings `json:"settings,omitzero"`
}

// MaskOpened is the payload of signal SignalMaskOpened: what is known of a mask that we opened. It carries phone
// numbers.
type MaskOpened struct {
	MaskingNumber string        `json:"maskingNumber,omitempty"`
	From          string        `json:"from,omitempty"`
	To            string        `json:"to,omitempty"`
	ReferenceID   string        `json:"referenceId,omitempty"`
	CreatedAt     time.Time     `json:"createdAt"` // by our own clock
	Notify        *calls.Notify `json:"notify,omitempty"`
	Parties       []string      `json:"parties,omitempty"` // keyed hashes of the numbers
}

// MaskVerdict is the result of the request for a mask.
type MaskVerdict string

// Verdicts of CreateMask.
const (
	MaskCreated    MaskVerdict = "CREATED"
	MaskNotCreated MaskVerdict = "NOT_CREATED" // certain; a retry may succeed
	MaskRefused    MaskVerdict = "REFUSED"     // certain, and a retry will not succeed
	MaskUnknown    MaskVerdict = "UNKNOWN"     // it may exist
)

// CreateMaskInput asks for a mask. It carries phone numbers. OriginalRunID is the workflow's run before any reset.
type CreateMaskInput struct {
	OriginalRunID string `json:"originalRunId"`
	From          string `json:"from,omitempty"`
	To            string `json:"to"`
}

// CreateMaskResult holds the verdict and the created mask, or the reason, without a phone number.
type CreateMaskResult struct {
	Verdict       MaskVerdict   `json:"verdict"`
	MaskID        string        `json:"maskId,omitempty"`
	MaskingNumber string        `json:"maskingNumber,omitempty"`
	RetryAfter    time.Duration `json:"retryAfter,omitempty"`
	Message       string        `json:"message,omitempty"`
}

// FindMaskInput describes a mask that may have been created. It carries phone numbers.
type FindMaskInput struct {
	From        string    `json:"from,omitempty"`
	To          string    `json:"to"`
	ReferenceID string    `json:"referenceId"` // other requests' sessions are left out
	CreatedFrom time.Time `json:"createdFrom"`
	CreatedTo   time.Time `json:"createdTo"`
}

// FindMaskResult lists the masks that match.
type FindMaskResult struct {
	Masks []FoundMask `json:"masks,omitempty"`
}

// FoundMask is a mask that exists.
type FoundMask struct {
	MaskID        string `json:"maskId"`
	MaskingNumber string `json:"maskingNumber,omitempty"`
}

// StartMaskingSessionInput names a mask that we opened. It carries phone numbers.
type StartMaskingSessionInput struct {
	MaskID string     `json:"maskId"`
	Opened MaskOpened `json:"opened"`
}

// TellMaskingSessionInput is what a call tells the session of its mask. It carries phone numbers.
type TellMaskingSessionInput struct {
	MaskID string          `json:"maskId"`
	State  calls.CallState `json:"state"`
}

// Results of TellMaskingSession.
const (
	SessionTold   = "told"
	SessionClosed = "closed" // the session has ended, and its summary was sent
)

// TellMaskingSessionResult says whether the session accepted it.
type TellMaskingSessionResult struct {
	Result string `json:"result"`
}

// CloseMaskInput names a mask.
type CloseMaskInput struct {
	MaskID string `json:"maskId"`
}

// SessionLeg is a leg of a session that has a recording.
type SessionLeg struct {
	RecordingID string     `json:"recordingId"`    // calls.RecordingIdentity of its URL
	Path        string     `json:"path,omitempty"` // as in RecordingURL, for a further recording of the leg
	CallKey     string     `json:"callKey"`
	CallID      string     `json:"callId,omitempty"`
	LegKey      string     `json:"legKey"`
	CallSID     string     `json:"callSid,omitempty"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
}

// KeepSessionRecordingsInput says which recordings of a session are known. LegKey may hold phone numbers.
type KeepSessionRecordingsInput struct {
	MaskID string       `json:"maskId"`
	Key    string       `json:"key,omitempty"`   // key of the mask; absent: calls.Key of MaskID
	Legs   []SessionLeg `json:"legs,omitempty"`  // with recordings that are not stored yet
	Known  []string     `json:"known,omitempty"` // masking.RecordingMark of recordings that need nothing more
	// Parties are keyed hashes of the session's numbers.
	Parties []string `json:"parties,omitempty"`
}

// KeepSessionRecordingsResult lists the recordings that belong to the session but to no leg.
type KeepSessionRecordingsResult struct {
	Listed int             `json:"listed"`
	Kept   []KeptRecording `json:"kept,omitempty"`
}

// KeptRecording is a recording of a session that was handed to its Recording workflow.
type KeptRecording struct {
	Mark      string          `json:"mark"` // masking.RecordingMark
	Recording calls.Recording `json:"recording"`
}

package calls

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"
)

// Source is the origin of a status.
type Source string

// Sources of a status.
const (
	SourceNotification Source = "notification" // the provider posted it to the webhook
	SourceCallLog      Source = "call-log"     // we asked the provider's call log
	SourceGaveUp       Source = "gave-up"      // no status arrived in time
)

// Directions of a leg, as the provider writes them.
const (
	DirectionInbound  = "INBOUND"
	DirectionOutbound = "OUTBOUND"
)

// StatusEvent is one report of the provider on one leg, normalised: a notification or an entry of the call log. It holds
// phone numbers (in E.164 if they can be read, else as sent). Times are UTC.
type StatusEvent struct {
	EventKey          string     `json:"eventKey"`
	CallKey           string     `json:"callKey"`
	Source            Source     `json:"source"`
	ReceivedAt        time.Time  `json:"receivedAt"`
	Status            Status     `json:"status"`
	RawStatus         string     `json:"rawStatus,omitempty"`
	CallID            string     `json:"callId,omitempty"`
	CallSID           string     `json:"callSid,omitempty"`
	ParentCallSID     string     `json:"parentCallSid,omitempty"`
	UniqueCallID      string     `json:"uniqueCallId,omitempty"`
	ExternalCallsID   string     `json:"externalCallsId,omitempty"`
	Direction         string     `json:"direction,omitempty"`
	From              string     `json:"from,omitempty"`
	To                string     `json:"to,omitempty"`
	DurationSeconds   *int       `json:"durationSeconds,omitempty"`
	InitiatedAt       *time.Time `json:"initiatedAt,omitempty"`
	CompletedAt       *time.Time `json:"completedAt,omitempty"`
	RequestReceivedAt *time.Time `json:"requestReceivedAt,omitempty"`
	UseCase           string     `json:"useCase,omitempty"`
	FailureReason     string     `json:"failureReason,omitempty"`
	RecordingURL      string     `json:"recordingUrl,omitempty"` // a secret: anyone who has it can listen
	MaskID            string     `json:"maskId,omitempty"`
	ReferenceID       string     `json:"referenceId,omitempty"`
	SecondaryCallerID string     `json:"secondaryCallerId,omitempty"`
	CampaignID        string     `json:"campaignId,omitempty"`
	ApplicationID     string     `json:"applicationId,omitempty"`
	AccountID         string     `json:"accountId,omitempty"`
	// FailoverOver is set on an entry of the call log that was read after the provider's time for failing over to the
	// secondary caller ID: its FAILED is final.
	FailoverOver bool `json:"failoverOver,omitempty"`
	// LogComplete is set on the entries of a call log in which every recipient has ended.
	LogComplete bool `json:"logComplete,omitempty"`
	// Parties are keyed hashes of the event's numbers. Its receiver makes them, since workflows have no key.
	Parties []string `json:"parties,omitempty"`
}

// Subscription names a workflow that receives the outcome of a call by signal SignalCallOutcome. Each Waiter of a workflow
// is told every revision once; a repeated subscription is told again.
type Subscription struct {
	WorkflowID string `json:"workflowId"`
	Waiter     string `json:"waiter,omitempty"`
	Once       bool   `json:"once,omitempty"`     // told one outcome and no later revision
	Quiet      bool   `json:"quiet,omitempty"`    // told no outcome of a call: only recordings, or the end of a session
	Withdraw   bool   `json:"withdraw,omitempty"` // unsubscribing from a request withdraws it, unless it has other waiters
}

// Tracking says what to expect of a call. It holds a phone number.
type Tracking struct {
	To           string        `json:"to,omitempty"` // the recipient whose outcome is the call's
	ReferenceID  string        `json:"referenceId,omitempty"`
	Recorded     bool          `json:"recorded,omitempty"` // the call is to be recorded
	Subscription *Subscription `json:"subscription,omitempty"`
	Parties      []string      `json:"parties,omitempty"` // as those of a StatusEvent
}

// CallState is the state and the result of a Call workflow. It holds phone numbers.
type CallState struct {
	CallKey           string      `json:"callKey"`
	CallID            string      `json:"callId,omitempty"`
	WorkflowID        string      `json:"workflowId"`
	Final             bool        `json:"final"`
	Revision          int         `json:"revision"`
	Outcome           *Outcome    `json:"outcome,omitempty"`
	Legs              []Leg       `json:"legs"`
	MoreLegs          int         `json:"moreLegs,omitempty"` // number of legs not listed: a call lists at most 300
	Recordings        []Recording `json:"recordings"`
	MaskID            string      `json:"maskId,omitempty"`
	ReferenceID       string      `json:"referenceId,omitempty"`
	SecondaryCallerID string      `json:"secondaryCallerId,omitempty"`
	CampaignID        string      `json:"campaignId,omitempty"`
	Attention         []string    `json:"attention,omitempty"`
	Notified          []Notified  `json:"notified"`

	// Parties are keyed hashes of all known numbers of the call, sorted, or PartiesMany. The HTTP API omits them.
	Parties []string `json:"parties,omitempty"`
	// Evidence holds the events that still matter. Every field above that comes from the provider is computed from it. It
	// is kept so that a late notification can be applied to a closed call. The HTTP API omits it.
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Evidence is the memory of a call's state machine.
type Evidence struct {
	Events     []StatusEvent `json:"events,omitempty"`
	ExpectedTo string        `json:"expectedTo,omitempty"`
	TrackedRef string        `json:"trackedRef,omitempty"`
	MoreRefs   []string      `json:"moreRefs,omitempty"` // of further trackings
	GraceOver  bool          `json:"graceOver,omitempty"`
	GaveUp     bool          `json:"gaveUp,omitempty"`
	// UnknownOver is set once the call log has had its time to explain an unknown status.
	UnknownOver bool `json:"unknownOver,omitempty"`
	// Early is set once an outcome was told that could still change: of one recipient, or of several before all had ended.
	Early bool `json:"early,omitempty"`
	// Recorded means that the call was to be recorded; RecordingSought, that the recording's URL did not arrive in time.
	Recorded        bool `json:"recorded,omitempty"`
	RecordingSought bool `json:"recordingSought,omitempty"`

	Rules int `json:"rules,omitempty"` // by which the evidence is read; 0 for a run from before there were rules
}

// Leg is one connection to a carrier. It holds phone numbers.
type Leg struct {
	CallSID           string     `json:"callSid,omitempty"` // absent on a provisional leg
	Direction         string     `json:"direction"`
	From              string     `json:"from"`
	To                string     `json:"to"`
	Status            Status     `json:"status"`
	RawStatus         string     `json:"rawStatus"`
	Source            Source     `json:"source,omitempty"`
	Conflict          bool       `json:"conflict,omitempty"`
	Provisional       bool       `json:"provisional,omitempty"` // failed, but the provider may still fail over by itself
	DurationSeconds   *int       `json:"durationSeconds,omitempty"`
	InitiatedAt       *time.Time `json:"initiatedAt,omitempty"`
	CompletedAt       *time.Time `json:"completedAt,omitempty"`
	RequestReceivedAt *time.Time `json:"requestReceivedAt,omitempty"`
	FailureReason     string     `json:"failureReason,omitempty"`
	UseCase           string     `json:"useCase,omitempty"`
	ParentCallSID     string     `json:"parentCallSid,omitempty"`
	UniqueCallID      string     `json:"uniqueCallId,omitempty"`
	ExternalCallsID   string     `json:"externalCallsId,omitempty"`
	SecondaryCallerID string     `json:"secondaryCallerId,omitempty"`
	ReferenceID       string     `json:"referenceId,omitempty"`
	MaskID            string     `json:"maskId,omitempty"`
	RecordingID       string     `json:"recordingId,omitempty"` // RecordingIdentity of the leg's recording URL
	// MoreRecordingIDs are the identities of further recordings of the leg; RecordingID is that of the first known one.
	MoreRecordingIDs []string `json:"moreRecordingIds,omitempty"`
}

// RecordingIDs returns the identities of all recordings of the leg.
func (l Leg) RecordingIDs() []string {
	if l.RecordingID == "" {
		return nil
	}
	return append([]string{l.RecordingID}, l.MoreRecordingIDs...)
}

// RecordingIdentity distinguishes recording URLs without revealing them: it returns the hex SHA-256 of scheme, host and
// path, without the query, which signs a link. It returns "" for a text that is no absolute URL.
func RecordingIdentity(recordingURL string) string {
	u, err := url.Parse(recordingURL)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.ToLower(u.Scheme+"://"+u.Host) + u.EscapedPath()))
	return hex.EncodeToString(sum[:])
}

// RecordingPath returns the part of a RecordingIdentity that distinguishes the recordings of a leg.
func RecordingPath(identity string) string { return identity[:min(len(identity), 12)] }

// Key returns the leg's id within its call: its callSid, or a substitute for a provisional leg.
func (l Leg) Key() string {
	if l.CallSID != "" {
		return l.CallSID
	}
	return "provisional|" + l.Direction + "|" + l.From + "|" + l.To
}

// Outcome is how a call ended. It holds no phone number. A higher Revision replaces a lower one of the same CallKey.
type Outcome struct {
	CallKey         string     `json:"callKey,omitempty"`
	CallID          string     `json:"callId,omitempty"`
	Status          Status     `json:"status"`
	DurationSeconds int        `json:"durationSeconds"`
	FailureReason   string     `json:"failureReason,omitempty"`
	Source          Source     `json:"source,omitempty"`
	Conflict        bool       `json:"conflict,omitempty"`
	Partial         bool       `json:"partial,omitempty"`
	CompletedAt     *time.Time `json:"completedAt,omitempty"`
	Revision        int        `json:"revision"`
}

// Results of telling a workflow.
const (
	NotifiedTold     = "told"
	NotifiedNotFound = "not-found" // it is closed, or was never there
	NotifiedFailed   = "failed"
)

// Notified records who was told an outcome, when, and with which of the results above.
type Notified struct {
	WorkflowID string    `json:"workflowId"`
	At         time.Time `json:"at"`
	Result     string    `json:"result"`
	Revision   int       `json:"revision"`
}

package calls

import (
	"encoding/json"
	"time"
)

// Types of an outbound call, as the provider writes them.
const (
	CallTypeIVR      = "ivr"
	CallTypeTTS      = "tts"
	CallTypeAudioURL = "audioUrl"
	CallTypeOTP      = "otp"
)

// OutboundCallRequest asks for one phone call to one person, with as many attempts as its policy allows. It holds phone
// numbers, in E.164.
type OutboundCallRequest struct {
	ReferenceID       string          `json:"referenceId,omitempty"` // the initiator's own id; makes the request idempotent
	To                string          `json:"to"`
	CallerID          string          `json:"callerId"`
	SecondaryCallerID string          `json:"secondaryCallerId,omitempty"`
	Type              string          `json:"type"`
	IVR               json.RawMessage `json:"ivr,omitempty"` // an object, or an array of objects
	TTS               *TTS            `json:"tts,omitempty"`
	AudioID           string          `json:"audioId,omitempty"`
	OTP               *OTP            `json:"otp,omitempty"`
	CallRecording     bool            `json:"callRecording,omitempty"`
	Expiry            *time.Time      `json:"expiry,omitempty"`
	Priority          int             `json:"priority,omitempty"`    // 1, dialled first, to 5; default 1 for CallTypeOTP, else 3
	FairnessKey       string          `json:"fairnessKey,omitempty"` // whose share of the dial rate it uses; default: the API key's name; no phone number
	NotBefore         *time.Time      `json:"notBefore,omitempty"`   // the earliest time of the first attempt
	Class             string          `json:"class,omitempty"`       // ClassService by default
	ConsentRef        string          `json:"consentRef,omitempty"`  // reference to the record of the person's consent; kept and returned
	Retry             *Retry          `json:"retry,omitempty"`
	Failover          *Failover       `json:"failover,omitempty"`
	CallingHours      *CallingHours   `json:"callingHours,omitempty"`
	Deadline          string          `json:"deadline,omitempty"` // for dialling: a Go duration from now, or an RFC 3339 time; default: 1 h for each attempt, 2 min for a code
	Notify            *Notify         `json:"notify,omitempty"`
}

// TTS is a text to speak.
type TTS struct {
	Language string `json:"language,omitempty"` // "english" or "arabic"
	Voice    string `json:"voice,omitempty"`    // "male" or "female"
	Text     string `json:"text"`
}

// OTP is a one-time code to speak. All fields are strings, as the provider wants them.
type OTP struct {
	Language string `json:"language,omitempty"`
	Code     string `json:"code"`
	Loop     string `json:"loop,omitempty"`
	AudioURL string `json:"audioUrl,omitempty"`
}

// Who fails over to the secondary caller ID.
const (
	FailoverByAftercall = "aftercall"
	FailoverByProvider  = "provider"
)

// What to do about a placement that stays unknown.
const (
	OnUnknownAssumePlaced = "assume-placed"
	OnUnknownRedial       = "redial"
)

// The caller ID of attempts after the first.
const (
	RetryCallerSame      = "same"
	RetryCallerAlternate = "alternate" // the secondary one
)

// Retry says when and how to make another attempt. All statuses share one budget of attempts.
type Retry struct {
	MaxAttempts int               `json:"maxAttempts,omitempty"` // with the first one: 2 to 10; default 2
	On          map[Status]string `json:"on"`                    // status of a failed attempt -> Go duration until the next: {"NO_ANSWER": "30m"}
	CallerID    string            `json:"callerId,omitempty"`    // default RetryCallerAlternate with a SecondaryCallerID, else RetryCallerSame
}

// Failover is a shorthand of Retry with the secondary caller ID and one delay. It also says whether the provider fails over
// instead, and what to do about a placement that stays unknown.
type Failover struct {
	On          []Status `json:"on,omitempty"`          // default FAILED
	By          string   `json:"by,omitempty"`          // default FailoverByAftercall
	MaxAttempts int      `json:"maxAttempts,omitempty"` // default 2
	Delay       string   `json:"delay,omitempty"`       // a Go duration; default "5s"
	OnUnknown   string   `json:"onUnknown,omitempty"`   // default OnUnknownAssumePlaced
}

// CallingHours are the hours of the day in which a call may be placed. To before From spans midnight.
type CallingHours struct {
	Timezone string `json:"timezone"`
	From     string `json:"from"` // "09:00"
	To       string `json:"to"`   // "22:00"
}

// Notify names whom to notify: a workflow, a URL, or both.
type Notify struct {
	WorkflowID string `json:"workflowId,omitempty"`
	URL        string `json:"url,omitempty"` // gets callbacks, which are Standard Webhooks; see docs/messages.md
}

// OutboundState is the phase of a request.
type OutboundState string

// States of an outbound call request.
const (
	OutboundPending  OutboundState = "PENDING"  // between attempts, or before the first
	OutboundDialling OutboundState = "DIALLING" // an attempt waits in the dial queue or is being posted
	OutboundAwaiting OutboundState = "AWAITING" // an attempt was posted and has not ended
	OutboundDone     OutboundState = "DONE"
	OutboundStopped  OutboundState = "STOPPED"
)

// Placement is the result of asking the provider to place a call.
type Placement string

// Placements.
const (
	Placed           Placement = "PLACED"     // the provider accepted, and returned the callId
	NotPlaced        Placement = "NOT_PLACED" // the provider cannot have placed a call
	PlacementUnknown Placement = "UNKNOWN"    // it may have
)

// Attempt is one dial. It holds a phone number (CallerID).
type Attempt struct {
	Attempt         int        `json:"attempt"` // from 1
	ReferenceID     string     `json:"referenceId"`
	CallerID        string     `json:"callerId"`
	CallID          string     `json:"callId,omitempty"`
	Placement       Placement  `json:"placement,omitempty"` // absent until known
	Status          Status     `json:"status,omitempty"`
	DurationSeconds int        `json:"durationSeconds,omitempty"`
	FailureReason   string     `json:"failureReason,omitempty"`
	Verified        *bool      `json:"verified,omitempty"` // the call log's answer about a failure, if it was asked
	Source          Source     `json:"source,omitempty"`
	Conflict        bool       `json:"conflict,omitempty"`
	Posts           int        `json:"posts,omitempty"`  // how often it entered the dial queue; at most one entry can have dialled
	Reason          string     `json:"reason,omitempty"` // the reason of an attempt after the first
	Rule            string     `json:"rule,omitempty"`   // the rule that last decided on the dial: RuleAllowed, or the one that forbade it
	StartedAt       *time.Time `json:"startedAt,omitempty"`
	EndedAt         *time.Time `json:"endedAt,omitempty"`
}

// OutboundCallState is the state and the result of an OutboundCall workflow. It holds phone numbers.
type OutboundCallState struct {
	ReferenceID   string           `json:"referenceId"`
	WorkflowID    string           `json:"workflowId"`
	State         OutboundState    `json:"state"`
	Attempts      []Attempt        `json:"attempts"`
	Outcome       *OutboundOutcome `json:"outcome,omitempty"`
	Revision      int              `json:"revision"`
	Attention     []string         `json:"attention,omitempty"`
	Waiting       string           `json:"waiting,omitempty"`       // what the request waits for, in words
	ExpectedStart *time.Time       `json:"expectedStart,omitempty"` // of the first attempt while it waits for its turn, as things stood when the request was accepted
	StopReason    string           `json:"stopReason,omitempty"`
	Refused       int              `json:"refusedUpdates,omitempty"` // call-updates that fit no attempt of ours
	Notified      []Notified       `json:"notified,omitempty"`
}

// OutboundOutcome is how a request ended, over all its attempts. It holds no phone number.
type OutboundOutcome struct {
	ReferenceID string `json:"referenceId"`
	Attempt     int    `json:"attempt,omitempty"`
	Rule        string `json:"rule,omitempty"` // RuleAllowed of a dial that was made; with StatusRefused the rule that forbade it
	Outcome
}

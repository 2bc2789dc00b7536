package calls

import (
	"cmp"
	"time"
)

// MaskingSessionRequest asks for a masking number between two parties, or, without From, from anybody to To. It
// carries phone numbers, in E.164.
type MaskingSessionRequest struct {
	ReferenceID string  `json:"referenceId,omitempty"`
	From        string  `json:"from,omitempty"`
	To          string  `json:"to"`
	Notify      *Notify `json:"notify,omitempty"`
}

// MaskingState says whether a masking session still takes calls.
type MaskingState string

// States of a masking session.
const (
	MaskingOpen   MaskingState = "OPEN"
	MaskingClosed MaskingState = "CLOSED"
)

// Pairing says how sure the two legs of a masked call are.
type Pairing string

// Pairings.
const (
	PairingPaired    Pairing = "PAIRED"
	PairingPartial   Pairing = "PARTIAL"   // one leg alone
	PairingAmbiguous Pairing = "AMBIGUOUS" // more than one leg would fit; none was chosen
)

// MaskingSessionState is the state and the result of a MaskingSession workflow. It carries phone numbers.
type MaskingSessionState struct {
	MaskID        string         `json:"maskId"`
	WorkflowID    string         `json:"workflowId"`
	State         MaskingState   `json:"state"`
	MaskingNumber string         `json:"maskingNumber,omitempty"`
	From          string         `json:"from,omitempty"`
	To            string         `json:"to,omitempty"`
	ReferenceID   string         `json:"referenceId,omitempty"`
	ExpiresAt     *time.Time     `json:"expiresAt,omitempty"`
	Calls         []MaskedCall   `json:"calls"`
	Recordings    []Recording    `json:"recordings,omitempty"` // of the session, attributed to no leg; the last ones
	Earlier       MaskingTotals  `json:"earlier,omitzero"`     // calls that are no longer kept in full
	Revision      int            `json:"revision"`
	Attention     []string       `json:"attention,omitempty"`
	Notified      []Notified     `json:"notified,omitempty"`
	Subscribers   []Subscription `json:"subscribers,omitempty"`
}

// MaskedCall is one call through a mask.
type MaskedCall struct {
	Inbound     *Leg        `json:"inbound,omitempty"`
	Outbound    *Leg        `json:"outbound,omitempty"`
	InboundKey  string      `json:"inboundCallKey,omitempty"`
	OutboundKey string      `json:"outboundCallKey,omitempty"`
	Pairing     Pairing     `json:"pairing"`
	Outcome     *Outcome    `json:"outcome,omitempty"`
	Recordings  []Recording `json:"recordings"`
}

// MaskingTotals counts calls.
type MaskingTotals struct {
	Calls     int `json:"calls"`
	Paired    int `json:"paired"`
	Partial   int `json:"partial"`
	Ambiguous int `json:"ambiguous"`
	Completed int `json:"completed"`
}

// MaskingLifetime is how long a mask lives, by the provider's reference, section 1.5. It counts from our own clock at
// creation: the times the provider gives have no zone.
const MaskingLifetime = 24 * time.Hour

// Types of the errors that OpenMaskingSession ends with.
const (
	ErrTypeMaskNotOpened = "MASK_NOT_OPENED" // the provider made no mask, and will not
	ErrTypeMaskUnknown   = "MASK_UNKNOWN"    // it may have made one; the message says what to check
	ErrTypeMaskNotClosed = "MASK_NOT_CLOSED" // the provider refused to deactivate the mask
)

// MaskingSettings are what MaskingSession and OpenMaskingSession live by. Zero means the default. They travel in the
// input, so that a running session keeps the settings it started with.
type MaskingSettings struct {
	Grace           time.Duration `json:"grace,omitempty"`           // open this long after the mask's 24 hours; default 1 h
	PairingWindow   time.Duration `json:"pairingWindow,omitempty"`   // how long a leg alone waits for its other one; default 2 min
	RecordingsAfter time.Duration `json:"recordingsAfter,omitempty"` // quiet time until the session's recordings are listed; default 1 h
	LookupWindow    time.Duration `json:"lookupWindow,omitempty"`    // how long a mask that may exist is looked for; default 5 min
	OpenWithin      time.Duration `json:"openWithin,omitempty"`      // how long a mask that cannot exist is asked for again; default 10 min
	ProviderTimeout time.Duration `json:"providerTimeout,omitempty"` // of one request to the provider; default 10 s
	KeepCalls       int           `json:"keepCalls,omitempty"`       // calls kept in full; default 300
	SignalsPerRun   int           `json:"signalsPerRun,omitempty"`   // until ContinueAsNew; default 2,000
}

// WithDefaults fills what is not set.
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
	MaskID   string          `json:"maskId"` // as the provider writes it
	Settings MaskingSettings `json:"settings,omitzero"`
}

// OpenMaskingSessionInput starts an OpenMaskingSession workflow. It reads a bare MaskingSessionRequest as well.
type OpenMaskingSessionInput struct {
	MaskingSessionRequest
	Settings MaskingSettings `json:"settings,omitzero"`
}

// MaskOpened is the payload of signal SignalMaskOpened: what is known of a mask that we opened. It carries phone
// numbers.
type MaskOpened struct {
	MaskingNumber string    `json:"maskingNumber,omitempty"`
	From          string    `json:"from,omitempty"`
	To            string    `json:"to,omitempty"`
	ReferenceID   string    `json:"referenceId,omitempty"`
	CreatedAt     time.Time `json:"createdAt"` // by our own clock
	Notify        *Notify   `json:"notify,omitempty"`
}

// Reasons for the end of a masking session.
const (
	MaskingEndedClosed    = "closed"    // somebody closed it, and its calls are settled
	MaskingEndedExpired   = "expired"   // its time was over
	MaskingEndedCancelled = "cancelled" // its workflow was cancelled
)

// MaskingSummary is the payload of signal SignalMaskingClosed: what became of a session, in numbers of calls. It
// carries no phone number. A higher Revision replaces a lower one: a late leg may still change the story.
type MaskingSummary struct {
	MaskID     string        `json:"maskId"`
	Reason     string        `json:"reason"`
	Totals     MaskingTotals `json:"totals"`
	Recordings int           `json:"recordings,omitempty"` // of the session, attributed to no leg
	Revision   int           `json:"revision"`
}

// SessionCallKey stands for a masking session where a call key is asked for: of the recordings that belong to no leg.
func SessionCallKey(maskID string) string { return Key(prefixMask + maskID) }

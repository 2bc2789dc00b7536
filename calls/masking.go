package calls

import (
	"time"
)

// MaskingSessionRequest asks for a masking number between two parties, or, without From, from anyone to To. It holds phone
// numbers, in E.164.
type MaskingSessionRequest struct {
	ReferenceID string  `json:"referenceId,omitempty"`
	From        string  `json:"from,omitempty"`
	To          string  `json:"to"`
	Notify      *Notify `json:"notify,omitempty"`
}

// MaskingState says whether a masking session still accepts calls.
type MaskingState string

// States of a masking session.
const (
	MaskingOpen   MaskingState = "OPEN"
	MaskingClosed MaskingState = "CLOSED"
)

// Pairing says how certain the pairing of a masked call's two legs is.
type Pairing string

// Pairings.
const (
	PairingPaired    Pairing = "PAIRED"
	PairingPartial   Pairing = "PARTIAL"   // only one leg
	PairingAmbiguous Pairing = "AMBIGUOUS" // more than one leg fits; none was chosen
)

// MaskingSessionState is the state and the result of a MaskingSession workflow. It holds phone numbers.
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
	Recordings    []Recording    `json:"recordings,omitempty"` // of the session, attributed to no leg; the newest ones
	Earlier       MaskingTotals  `json:"earlier,omitzero"`     // calls no longer kept in full
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

// MaskingLifetime is how long a mask lasts, by the provider's reference, section 1.5. It counts from creation by our own
// clock, because the provider's times have no zone.
const MaskingLifetime = 24 * time.Hour

// Types of the errors that OpenMaskingSession ends with.
const (
	ErrTypeMaskNotOpened = "MASK_NOT_OPENED" // the provider created no mask, and never will
	ErrTypeMaskUnknown   = "MASK_UNKNOWN"    // it may have created one; the message says what to check
	ErrTypeMaskNotClosed = "MASK_NOT_CLOSED" // the provider refused to deactivate the mask
)

// Reasons for the end of a masking session.
const (
	MaskingEndedClosed    = "closed"    // it was closed, and its calls are settled
	MaskingEndedExpired   = "expired"   // it expired
	MaskingEndedCancelled = "cancelled" // its workflow was cancelled
)

// MaskingSummary is the payload of signal SignalMaskingClosed: it counts a session's calls. It holds no phone number. A
// higher Revision replaces a lower one: a late leg may still change the counts.
type MaskingSummary struct {
	MaskID     string        `json:"maskId"`
	Reason     string        `json:"reason"`
	Totals     MaskingTotals `json:"totals"`
	Recordings int           `json:"recordings,omitempty"` // of the session, attributed to no leg
	Revision   int           `json:"revision"`
}

// SessionCallKey returns the call key of a masking session's recordings that belong to no leg.
func SessionCallKey(maskID string) string { return Key(prefixMask + maskID) }

package calls

import (
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

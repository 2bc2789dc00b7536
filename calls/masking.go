package calls

import "time"

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
	Recordings    []Recording    `json:"recordings,omitempty"` // of the session, attributed to no leg
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

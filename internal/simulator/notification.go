package simulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// notification holds all 22 fields in the order of the provider's webhook page; a nil pointer is null on the wire.
type notification struct {
	ApplicationID     string          `json:"applicationId"`
	CallSID           *string         `json:"callSid"`
	ParentCallSID     *string         `json:"parentCallSid"`
	From              string          `json:"from"`
	To                string          `json:"to"`
	Duration          *int            `json:"duration"`
	Direction         string          `json:"direction"`
	Status            string          `json:"status"`
	InitiatedAt       json.RawMessage `json:"initiatedAt"`
	CompletedAt       json.RawMessage `json:"completedAt"`
	UseCase           string          `json:"useCase"`
	AccountID         string          `json:"accountId"`
	ReferenceID       *string         `json:"referenceId"`
	ExternalCallsID   *string         `json:"externalCallsId"`
	RecordingURL      string          `json:"recordingUrl"`
	FailureReason     *string         `json:"failureReason"`
	MaskID            *string         `json:"maskId"`
	RequestReceivedAt json.RawMessage `json:"requestReceivedAt"`
	UniqueCallID      *string         `json:"uniqueCallId"`
	SecondaryCallerID *string         `json:"secondaryCallerId"`
	CallID            *string         `json:"callId"`
	CampaignID        *string         `json:"campaignId"`
}

const accountID = "simulated-account"

// describe must be called with the lock held.
func (s *Simulator) describe(l *leg) notification {
	n := notification{
		ApplicationID: s.opts.ApplicationID, AccountID: accountID,
		CallSID: orNull(l.callSID), ParentCallSID: orNull(l.parentCallSID), CallID: orNull(l.callID),
		ExternalCallsID: orNull(l.externalCallsID), UniqueCallID: orNull(l.uniqueCallID),
		From: l.from, To: l.to, Direction: l.direction, Status: l.status, UseCase: l.useCase,
		InitiatedAt:       wireTime(l.initiatedAt, l.quoted, l.wholeSeconds),
		CompletedAt:       wireTime(l.completedAt, false, l.wholeSeconds),
		RequestReceivedAt: wireTime(l.requestedAt, l.quoted, l.wholeSeconds),
		ReferenceID:       orNull(l.referenceID), FailureReason: orNull(l.reason), MaskID: orNull(l.maskID),
		SecondaryCallerID: orNull(l.secondary),
	}
	if l.seconds > 0 {
		seconds := l.seconds
		n.Duration = &seconds
	}
	if l.recording != nil {
		n.RecordingURL = l.recording.url()
	}
	return n
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// wireTime writes epoch seconds with six decimals, the finest form that the provider is known to use. quoted puts them in
// quotes, as the page does for masked calls.
func wireTime(t time.Time, quoted, wholeSeconds bool) json.RawMessage {
	if t.IsZero() {
		return json.RawMessage("null")
	}
	text := fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
	if wholeSeconds {
		text = strconv.FormatInt(t.Unix(), 10)
	}
	if quoted {
		text = strconv.Quote(text)
	}
	return json.RawMessage(text)
}

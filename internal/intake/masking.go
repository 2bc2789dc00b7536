package intake

import (
	"strings"
	"unicode"

	"github.com/aftercall/aftercall/calls"
)

// Masking is a request for a masking session in which nothing is left open.
type Masking struct {
	Request calls.MaskingSessionRequest
	Hash    string // hex SHA-256 of what was asked for, whoever is notified
	OldHash string // the Hash of the same request until November 2026, when who is notified was part of it
}

// MaskingJSON reads the body of a request for a masking session. One without a referenceId has that of the
// idempotency key, where there is one. The error is an *Errors that lists every field at fault.
func MaskingJSON(body []byte, key IdempotencyKey) (Masking, error) {
	var (
		errs Errors
		req  calls.MaskingSessionRequest
	)
	decode(body, &req, &errs)
	return masking(req, key, &errs)
}

// MaskingSession checks a request for a masking session. The error is an *Errors that lists every field at fault.
func MaskingSession(req calls.MaskingSessionRequest) (Masking, error) {
	return masking(req, IdempotencyKey{}, &Errors{})
}

func masking(req calls.MaskingSessionRequest, key IdempotencyKey, errs *Errors) (Masking, error) {
	errs.reference(&req.ReferenceID, key, req.From, req.To)
	errs.form(req)
	if req.From != "" && req.From == req.To {
		errs.add("from", "must differ from to")
	}
	errs.notify(req.Notify)
	out := Masking{Request: req, OldHash: hash(req)}
	req.Notify = nil
	out.Hash = hash(req)
	return out, errs.orNil()
}

// TrackRequest asks to follow a call that was placed elsewhere. It carries a phone number.
type TrackRequest struct {
	To          string        `json:"to,omitempty"` // the recipient whose outcome is the call's
	ReferenceID string        `json:"referenceId,omitempty"`
	Notify      *calls.Notify `json:"notify,omitempty"`
}

// TrackingJSON reads the body of a request to track a call; an empty one asks for nothing but to watch it. The error
// is an *Errors that lists every field at fault.
func TrackingJSON(body []byte) (calls.Tracking, error) {
	var (
		errs Errors
		req  TrackRequest
	)
	decode(body, &req, &errs)
	errs.form(req)
	errs.notify(req.Notify)
	if strings.ContainsFunc(req.ReferenceID, func(r rune) bool { return !unicode.IsPrint(r) }) {
		errs.add("referenceId", "must be printable")
	}
	t := calls.Tracking{To: req.To, ReferenceID: req.ReferenceID}
	if req.Notify != nil {
		t.Subscription = &calls.Subscription{WorkflowID: req.Notify.WorkflowID}
	}
	return t, errs.orNil()
}

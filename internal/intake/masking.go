package intake

import (
	"strings"
	"unicode"

	"github.com/aftercall/aftercall/calls"
)

// Masking is a valid request for a masking session, with every default filled in.
type Masking struct {
	Request calls.MaskingSessionRequest
	Hash    string // hex SHA-256 of the request without notify
	OldHash string // the Hash of the same request until November 2026, which included notify
}

// MaskingJSON reads the body of a request for a masking session. A request without a referenceId gets the idempotency
// key's, if there is one. The error is an *Errors that lists every invalid field.
func MaskingJSON(body []byte, key IdempotencyKey) (Masking, error) {
	var (
		errs Errors
		req  calls.MaskingSessionRequest
	)
	decode(body, &req, &errs)
	return masking(req, key, &errs)
}

// MaskingSession checks a request for a masking session. The error is an *Errors that lists every invalid field.
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

// TrackRequest asks to follow a call that another system placed. It holds a phone number.
type TrackRequest struct {
	To          string        `json:"to,omitempty"` // the recipient whose outcome is the call's
	ReferenceID string        `json:"referenceId,omitempty"`
	Notify      *calls.Notify `json:"notify,omitempty"`
}

// TrackingJSON reads the body of a request to track a call; an empty body only watches it. url is the URL to call back, if
// there is one. The error is an *Errors that lists every invalid field.
func TrackingJSON(body []byte, p URLPolicy) (t calls.Tracking, url string, err error) {
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
	errs.url(req.Notify, p)
	t = calls.Tracking{To: req.To, ReferenceID: req.ReferenceID}
	if n := req.Notify; n != nil {
		url = n.URL
		if n.WorkflowID != "" {
			t.Subscription = &calls.Subscription{WorkflowID: n.WorkflowID}
		}
	}
	return t, url, errs.orNil()
}

package unifonic

import (
	"context"
	"net/http"
)

// CallLog holds what the provider's call log has under a callId or a referenceId.
type CallLog struct {
	CallID      string // empty when asked by referenceId
	ReferenceID string
	Recipients  []CallLogEntry
}

// CallLogEntry is one recipient of a call. It carries phone numbers, and in RecordingURL a secret.
type CallLogEntry struct {
	CallID          string
	CallSID         string
	ParentCallSID   string
	From, To        string // E.164 if they can be read as such, else as sent
	Status          Status
	RawStatus       string
	DurationSeconds *int
	RecordingURL    string
	ReferenceID     string
}

// CallLog asks the call log by callId or referenceId. A referenceId may cover several calls, a callId several
// recipients. Errors: ErrNotFound for 404 and for a log without recipients; else *APIError, even for an answer that is
// not a call log: it never counts as "not found", because that may lead to another dial.
func (c *Client) CallLog(ctx context.Context, id string) (CallLog, error) {
	const op = "read call log"
	escaped, ok := part(id)
	if !ok {
		return CallLog{}, ErrNotFound
	}
	a := c.do(ctx, request{method: http.MethodGet, path: "providers/voice-call-log/" + escaped, appsID: c.appsID})
	if a.status == http.StatusNotFound {
		return CallLog{}, ErrNotFound
	}
	if !a.ok() {
		return CallLog{}, c.apiError(op, a, "")
	}
	o, err := decodeObjectBody(a.body, "recipients")
	if err != nil {
		return CallLog{}, c.apiError(op, a, "the answer cannot be read: "+err.Error())
	}
	recipients, ok := objects(o["recipients"], "")
	if _, said := o["recipients"]; !said || !ok {
		return CallLog{}, c.apiError(op, a, "the answer is no call log: it lists no recipients")
	}
	log := c.callLog(o, recipients)
	if len(log.Recipients) == 0 {
		return CallLog{}, ErrNotFound
	}
	return log, nil
}

// callLog reads all documented shapes: by callId, by referenceId, and the small one with number instead of to (the
// provider's reference, section 1.4).
func (c *Client) callLog(o object, recipients []object) CallLog {
	log := CallLog{CallID: o.said("callId"), ReferenceID: o.said("referenceId")}
	for _, r := range recipients {
		e := CallLogEntry{
			CallID:          r.said("callId"),
			CallSID:         r.said("callSid"),
			ParentCallSID:   r.said("parentCallSid"),
			From:            number(r.said("from")),
			To:              number(r.said("to", "number")),
			RawStatus:       r.text("status"),
			DurationSeconds: durationOf(r["duration"]),
			RecordingURL:    r.said("recordingUrl"),
			ReferenceID:     r.said("referenceId"),
		}
		e.Status = normalize(c.statuses, c.unknown, e.RawStatus)
		e.inherit(log, number(o.said("callerId")))
		log.Recipients = append(log.Recipients, e)
	}
	return log
}

// inherit fills in what the log says once for all recipients.
func (e *CallLogEntry) inherit(log CallLog, callerID string) {
	if e.CallID == "" {
		e.CallID = log.CallID
	}
	if e.ReferenceID == "" {
		e.ReferenceID = log.ReferenceID
	}
	if e.From == "" {
		e.From = callerID
	}
}

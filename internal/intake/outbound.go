package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// Outbound is a valid outbound call request, with every default filled in.
type Outbound struct {
	Request  calls.OutboundCallRequest // every default filled in; Deadline is an RFC 3339 time in UTC, or empty if not given
	Deadline time.Time                 // the same deadline, or else the first attempt's
	Hash     string                    // hex SHA-256 of the request without notify: equal for a later repetition
	OldHash  string                    // the Hash of the same request until November 2026, which included notify
	Waiters  []calls.Subscription      // who waits for the outcome of a new request; not part of the request
	Client   string                    // the API key's name
	Former   string                    // the referenceId of the request's dials in the dial ledger, if it differs
}

// OutboundJSON reads the body of a request and checks it like OutboundCall. It also notes unknown, repeated and wrongly
// typed fields. A request without a referenceId gets the idempotency key's, if there is one.
func OutboundJSON(body []byte, key IdempotencyKey, now time.Time) (Outbound, error) {
	var (
		errs Errors
		req  calls.OutboundCallRequest
	)
	d := decode(body, &req, &errs)
	if d.present["priority"] && req.Priority == 0 {
		errs.add("priority", priorityRange)
	}
	if req.Failover != nil && d.present["failover.maxAttempts"] && req.Failover.MaxAttempts == 0 {
		errs.add("failover.maxAttempts", attemptsRange)
	}
	if req.Retry != nil && d.present["retry.maxAttempts"] && req.Retry.MaxAttempts == 0 {
		errs.add("retry.maxAttempts", retriesRange)
	}
	if req.Failover != nil && d.present["failover.on"] && len(req.Failover.On) == 0 {
		errs.add("failover.on", "must name a status, or be omitted")
	}
	return complete(req, key, now, &errs)
}

// OutboundCall checks and completes a request. The error is an *Errors that lists every invalid field. Even then the
// Outbound is filled as far as possible, so that a repetition of an accepted request is recognised.
func OutboundCall(req calls.OutboundCallRequest, now time.Time) (Outbound, error) {
	return complete(req, IdempotencyKey{}, now, &Errors{})
}

func complete(req calls.OutboundCallRequest, key IdempotencyKey, now time.Time, errs *Errors) (Outbound, error) {
	errs.reference(&req.ReferenceID, key, req.To, req.CallerID, req.SecondaryCallerID)
	errs.form(req)
	errs.payload(req)
	errs.notify(req.Notify)
	errs.turn(req)
	if req.Expiry != nil {
		at := req.Expiry.UTC()
		req.Expiry = &at
		if !at.After(now) {
			errs.addPassed("expiry", "must be in the future")
		}
	}
	errs.hours(req.CallingHours)
	req.NotBefore = errs.notBefore(req.NotBefore, now)
	asked, deadline := errs.deadline(req, now)
	errs.class(&req, deadline)
	req.Retry, req.Failover = errs.further(req, deadline.Sub(now))
	if len(errs.Fields) == 0 || errs.OnlyTimePassed() {
		req.IVR = canonical(req.IVR)
	}
	open := req.Deadline == ""
	req.Deadline = asked
	out := Outbound{Request: req, Deadline: deadline, OldHash: hash(req)}
	req.Notify = nil
	out.Hash = hash(req)
	if out.Request.Deadline = deadline.Format(time.RFC3339Nano); open {
		out.Request.Deadline = ""
	}
	return out, errs.orNil()
}

// payload checks that the request has the fields of its type, and no field of another type.
func (e *Errors) payload(req calls.OutboundCallRequest) {
	type payload struct {
		kind, field string
		given       bool
	}
	payloads := []payload{
		{calls.CallTypeIVR, "ivr", len(req.IVR) > 0},
		{calls.CallTypeTTS, "tts", req.TTS != nil},
		{calls.CallTypeAudioURL, "audioId", req.AudioID != ""},
		{calls.CallTypeOTP, "otp", req.OTP != nil},
	}
	known := slices.ContainsFunc(payloads, func(p payload) bool { return p.kind == req.Type })
	for _, p := range payloads {
		switch {
		case p.kind == req.Type && !p.given:
			e.add(p.field, "is needed for type "+p.kind)
		case known && p.kind != req.Type && p.given:
			e.add(p.field, "belongs to type "+p.kind+"; omit it, or change the type")
		}
	}
	if len(req.IVR) > 0 && !ivrObjects(req.IVR) {
		e.add("ivr", "must be an object, or a list of objects, none of them empty")
	}
}

// ivrObjects reports whether raw is one object or a list of objects. It leaves their content to the provider.
func ivrObjects(raw json.RawMessage) bool {
	var objects []map[string]json.RawMessage
	if raw := bytes.TrimSpace(raw); len(raw) > 0 && raw[0] != '[' {
		objects = make([]map[string]json.RawMessage, 1)
		if err := json.Unmarshal(raw, &objects[0]); err != nil {
			return false
		}
	} else if err := json.Unmarshal(raw, &objects); err != nil {
		return false
	}
	return len(objects) > 0 && !slices.ContainsFunc(objects, func(o map[string]json.RawMessage) bool { return len(o) == 0 })
}

// canonical writes JSON with sorted keys and without spaces. It does not change numbers.
func canonical(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return raw
	}
	out, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return out
}

func hash(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // only for an ivr that is not JSON, and that request is refused
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

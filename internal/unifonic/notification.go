package unifonic

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/phone"
)

// Errors of Parser.Notification. The text around ErrNotObject says what is wrong with the body, never its contents.
var (
	ErrNotObject = errors.New("not a JSON object")
	ErrNoKey     = errors.New("no callId, callSid, uniqueCallId or externalCallsId")
)

// Notification is one call status notification: the 22 fields of the current edition of the provider's webhook page.
// The two older editions are read into the same fields. Null, empty or absent text is ""; so is an id, URL or phone
// number written as a word for nothing ("null", "N/A", the zero UUID). It carries phone numbers, and in RecordingURL a
// secret.
type Notification struct {
	ApplicationID     string
	CallSID           string // set once the call was handed to a carrier
	ParentCallSID     string
	From, To          string // E.164 if they can be read as such, else as sent
	FromRaw, ToRaw    string // as sent
	DurationSeconds   *int
	Direction         string // upper case: "INBOUND" or "OUTBOUND"
	RawStatus         string // the provider's word
	Status            Status
	InitiatedAt       *time.Time // older editions: timestamp
	CompletedAt       *time.Time // older editions: unknown
	RequestReceivedAt *time.Time // older editions: receivedAt
	UseCase           string
	AccountID         string
	ReferenceID       string
	ExternalCallsID   string
	RecordingURL      string
	FailureReason     string
	MaskID            string
	UniqueCallID      string
	SecondaryCallerID string // E.164 if it can be read as such, else as sent
	CallID            string
	CampaignID        string

	eventKey string
}

// Key returns the identifier of the notification's call: callId, else the first of callSid, uniqueCallId and
// externalCallsId that is not empty; "" if it has none.
func (n Notification) Key() string {
	for _, id := range []string{n.CallID, n.CallSID, n.UniqueCallID, n.ExternalCallsID} {
		if id != "" {
			return id
		}
	}
	return ""
}

// EventKey returns "v1-" and the hex SHA-256 over everything that the notification says, including unknown members. A
// redelivery has the same key, whatever its white space and the order of its members.
func (n Notification) EventKey() string { return n.eventKey }

// Parser reads notifications.
type Parser struct {
	Location *time.Location    // of times without a zone; nil is UTC
	Statuses StatusWords       // besides the built-in ones
	Unknown  func(word string) // called with each unknown status; may be nil
}

// Notification reads the body of a notification, packed with gzip or not. It accepts every form of every value. It rejects
// only a body that is not one JSON object of at most 32 levels (ErrNotObject), and one without an identifier of a call
// (ErrNoKey, with the notification). Members are found by their exact names; of duplicates the first counts.
func (p Parser) Notification(body []byte) (Notification, error) {
	plain, err := Unpack(body)
	if err != nil {
		return Notification{}, fmt.Errorf("%w: %w", ErrNotObject, err)
	}
	v, err := decode(plain)
	if err != nil {
		return Notification{}, fmt.Errorf("%w: %w", ErrNotObject, err)
	}
	o, ok := v.(object)
	if !ok {
		return Notification{}, fmt.Errorf("%w but %s", ErrNotObject, kind(v))
	}
	n := p.read(o)
	n.eventKey = eventKey(o)
	if n.Key() == "" {
		return n, ErrNoKey
	}
	return n, nil
}

func (p Parser) read(o object) Notification {
	n := Notification{
		ApplicationID:     o.said("applicationId"),
		CallSID:           o.said("callSid"),
		ParentCallSID:     o.said("parentCallSid"),
		FromRaw:           o.said("from"),
		ToRaw:             o.said("to"),
		DurationSeconds:   durationOf(o["duration"]),
		Direction:         strings.ToUpper(o.text("direction")),
		RawStatus:         o.text("status"),
		InitiatedAt:       o.time(p.Location, "initiatedAt", "timestamp", "timeStamp"),
		CompletedAt:       o.time(p.Location, "completedAt"),
		RequestReceivedAt: o.time(p.Location, "requestReceivedAt", "receivedAt"),
		UseCase:           o.text("useCase"),
		AccountID:         o.said("accountId"),
		ReferenceID:       o.said("referenceId"),
		ExternalCallsID:   o.said("externalCallsId"),
		RecordingURL:      o.said("recordingUrl"),
		FailureReason:     o.text("failureReason"),
		MaskID:            o.said("maskId"),
		UniqueCallID:      o.said("uniqueCallId"),
		SecondaryCallerID: number(o.said("secondaryCallerId")),
		CallID:            o.said("callId"),
		CampaignID:        o.said("campaignId"),
	}
	n.From, n.To = number(n.FromRaw), number(n.ToRaw)
	n.Status = normalize(p.Statuses, p.Unknown, n.RawStatus)
	return n
}

// time returns the first of the named members that can be read as a time.
func (o object) time(loc *time.Location, names ...string) *time.Time {
	if loc == nil {
		loc = time.UTC
	}
	for _, name := range names {
		if t := timeOf(o[name], loc); t != nil {
			return t
		}
	}
	return nil
}

// number returns a phone number in E.164, or unchanged if it cannot be read.
func number(raw string) string {
	e164, _ := phone.Normalize(raw)
	return e164
}

func eventKey(o object) string {
	sum := sha256.Sum256(appendCanonical(make([]byte, 0, 1024), o))
	return "v1-" + hex.EncodeToString(sum[:])
}

// kind names the JSON type of a value.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	default:
		return "an array"
	}
}

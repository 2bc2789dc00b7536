package handlers

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/translate"
)

// Receipts lists the received notifications of a call.
type Receipts interface {
	// Receipts returns them in order of receipt, without the first skip ones.
	Receipts(ctx context.Context, callKey string, skip, limit int) ([]inbox.Received, error)
}

// Disposition is the result of a received notification.
type Disposition string

// Dispositions.
const (
	DispositionAccepted   Disposition = "accepted"    // delivered to its call, or waiting for delivery
	DispositionDuplicate  Disposition = "duplicate"   // the event was already known
	DispositionLate       Disposition = "late"        // it would have changed a closed call
	DispositionDeadLetter Disposition = "dead-letter" // it could not be delivered
)

// Event is one receipt of a notification. It carries phone numbers.
type Event struct {
	At           time.Time          `json:"at"`
	EventKey     string             `json:"eventKey"`
	Disposition  Disposition        `json:"disposition"`
	DeadLetterID string             `json:"deadLetterId,omitempty"`
	Event        *calls.StatusEvent `json:"event,omitempty"`      // while the body is kept
	BodyBase64   string             `json:"bodyBase64,omitempty"` // as received, while it is kept; only with scope listen
}

// mostEvents is the most events in one answer.
const mostEvents = 500

// listEvents answers with the received notifications of a call, in order of receipt. The cursor is the number of events
// already read.
func (a *api) listEvents(c *gin.Context) {
	p := parameters{values: c.Request.URL.Query()}
	p.only("limit", "cursor")
	limit, skip := p.number("limit", mostEvents, mostEvents), p.place("cursor")
	if err := p.err(); err != nil {
		a.failed(c, err)
		return
	}
	key := a.Names.Key(c.Param("callId")) // the inbox has it under no older key
	received, err := a.Receipts.Receipts(c.Request.Context(), key, skip, limit+1)
	if err == nil && len(received) == 0 && skip == 0 {
		known, ok := a.callKey(c)
		if !ok {
			return
		}
		if _, _, unknown := desk.Ask(c.Request.Context(), a.Desk, contract.QueryCall, calls.CallWorkflowID(known)); unknown != nil {
			a.failed(c, unknown)
			return
		}
	}
	if err != nil {
		a.Log.Error("events were not read", "error", phone.Redact(err.Error()))
		fail(c, problemInboxAway, "Send the same request again after the time in Retry-After.")
		return
	}
	answer := List[Event]{Items: []Event{}}
	if len(received) > limit {
		received, answer.NextCursor = received[:limit], strconv.Itoa(skip+limit)
	}
	listen, shown := client(c).May(access.Listen), false
	for _, r := range received {
		e := a.event(r, listen)
		shown = shown || e.BodyBase64 != "" && (e.Event == nil || e.Event.RecordingURL != "")
		answer.Items = append(answer.Items, e)
	}
	if shown && a.Audit != nil { // the URL alone gives access to the recording
		a.Audit(audit.Entry{Time: a.Now(), Action: audit.Reveal, Key: client(c).Name, Address: c.ClientIP(), ID: key, Status: http.StatusOK})
	}
	c.JSON(http.StatusOK, answer)
}

// place reads the cursor: how many items precede the page.
func (p *parameters) place(name string) int {
	text := p.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		p.wrong(name, "must be the nextCursor of the previous page")
	}
	return n
}

// event returns a receipt as a client may see it. Only clients with the scope listen see what leads to a recording.
func (a *api) event(r inbox.Received, listen bool) Event {
	e := Event{At: r.At, EventKey: r.EventKey, Disposition: DispositionAccepted, DeadLetterID: r.DeadLetterID}
	switch {
	case r.Duplicate:
		e.Disposition = DispositionDuplicate
	case r.Reason == inbox.ReasonLate:
		e.Disposition = DispositionLate
	case r.Reason != "":
		e.Disposition = DispositionDeadLetter
	}
	if r.Body == nil {
		return e
	}
	if listen {
		e.BodyBase64 = base64.StdEncoding.EncodeToString(r.Body)
	}
	if n, err := a.Parser.Notification(r.Body); err == nil {
		event := translate.EventFromNotification(n, r.At)
		event.EventKey = r.EventKey
		if !listen {
			event.RecordingURL = ""
		}
		e.Event = &event
	}
	return e
}

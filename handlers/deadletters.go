package handlers

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// DeadLetterInbox is the operators' part of an inbox; see inbox.Inbox for the errors.
type DeadLetterInbox interface {
	DeadLetters(ctx context.Context, f inbox.Filter) ([]inbox.DeadLetter, error)
	DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error)
	Requeue(ctx context.Context, id string, reparse inbox.Reparse) error
	Mend(ctx context.Context, id string, body []byte, reparse inbox.Reparse) error
	Drop(ctx context.Context, id string) error
	Stats(ctx context.Context) (inbox.Stats, error)
	SealedWith(ctx context.Context) (map[string]int, error)
}

// DeadLetter is a dead letter as the admin listener shows it. Only the route of one dead letter shows bodies. It masks
// their numbers unless the request reveals them.
type DeadLetter struct {
	ID         string       `json:"id"`
	Reason     inbox.Reason `json:"reason"`
	Detail     string       `json:"detail,omitempty"`
	EventKey   string       `json:"eventKey,omitempty"`
	CallKey    string       `json:"callKey,omitempty"`
	ReceivedAt time.Time    `json:"receivedAt"`
	DiedAt     time.Time    `json:"diedAt"`
	SizeBytes  int          `json:"sizeBytes"`
	Body       string       `json:"body,omitempty"`     // as text, decompressed; empty if it is not text
	Encoding   string       `json:"encoding,omitempty"` // of the received body: "gzip", or "binary" if it is not text
	Raw        []byte       `json:"raw,omitempty"`      // the received bytes in base64, if Body differs; only if revealed
	Variants   []string     `json:"variants,omitempty"` // other bodies under the same event key
}

// DeadLetterList is one page of dead letters. Next is the parameter after of the next page, empty on the last one.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"deadLetters"`
	Next        string       `json:"next,omitempty"`
}

// InboxStats describes the state of the inbox.
type InboxStats struct {
	Pending              int                  `json:"pending"`
	Leased               int                  `json:"leased"`
	OldestPendingSeconds float64              `json:"oldestPendingSeconds"`
	DeadLetters          int                  `json:"deadLetters"`
	ByReason             map[inbox.Reason]int `json:"byReason"`
	Variants             int                  `json:"variants"`
	Unavailable          bool                 `json:"unavailable,omitempty"`
}

// adminName stands for the users of the admin listener in the audit log.
const adminName = "admin"

type inboxAdmin struct{ AdminOptions }

func mountInbox(r gin.IRouter, o AdminOptions) {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	a := inboxAdmin{o}
	g := r.Group("/inbox")
	g.GET("/stats", a.stats)
	g.GET("/keys", a.keys)
	g.GET("/dead-letters", a.list)
	g.GET("/dead-letters/:id", a.show)
	g.POST("/dead-letters/:id/requeue", audited(o.Audit, audit.Requeue, adminName), a.requeue)
	g.DELETE("/dead-letters/:id", audited(o.Audit, audit.Drop, adminName), a.drop)
}

// keys counts the stored bodies by the id of the key that sealed them; "" means in clear.
func (a inboxAdmin) keys(c *gin.Context) {
	counts, err := a.Inbox.SealedWith(c.Request.Context())
	if err != nil {
		inboxFailed(c, err)
		return
	}
	c.JSON(http.StatusOK, counts)
}

func (a inboxAdmin) stats(c *gin.Context) {
	s, err := a.Inbox.Stats(c.Request.Context())
	if err != nil {
		inboxFailed(c, err)
		return
	}
	byReason := s.ByReason
	if byReason == nil {
		byReason = map[inbox.Reason]int{}
	}
	c.JSON(http.StatusOK, InboxStats{
		Pending: s.Pending, Leased: s.Leased, OldestPendingSeconds: s.OldestPending.Seconds(), DeadLetters: s.DeadLetters,
		ByReason: byReason, Variants: s.Variants, Unavailable: s.Unavailable,
	})
}

const defaultPage, largestPage = 100, 1000

func (a inboxAdmin) list(c *gin.Context) {
	p := parameters{values: c.Request.URL.Query()}
	p.only("reason", "call", "after", "limit")
	f := inbox.Filter{CallKey: calls.Key(p.text("call")), After: p.text("after"), Limit: p.number("limit", defaultPage, largestPage)}
	if reason := p.oneOf("reason", inbox.Reasons()); len(reason) == 1 {
		f.Reason = inbox.Reason(reason[0])
	} else if len(reason) > 1 {
		p.wrong("reason", "must be one reason")
	}
	if err := p.err(); err != nil {
		invalid(c, err)
		return
	}
	found, err := a.Inbox.DeadLetters(c.Request.Context(), f)
	if err != nil {
		inboxFailed(c, err)
		return
	}
	answer := DeadLetterList{DeadLetters: make([]DeadLetter, len(found))}
	for i, d := range found {
		answer.DeadLetters[i] = view(d, false)
	}
	if len(found) == f.Limit {
		answer.Next = found[len(found)-1].ID
	}
	c.JSON(http.StatusOK, answer)
}

func (a inboxAdmin) show(c *gin.Context) {
	d, err := a.Inbox.DeadLetter(c.Request.Context(), c.Param("id"))
	if err != nil {
		inboxFailed(c, err)
		return
	}
	reveal := c.Query("reveal") == "true"
	if reveal {
		audited(a.Audit, audit.Reveal, adminName)(c)
	}
	c.JSON(http.StatusOK, view(d, reveal))
}

// requeue returns a dead letter to the queue, with the request's body if there is one.
func (a inboxAdmin) requeue(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	var err error
	if len(body) > 0 {
		err = a.Inbox.Mend(c.Request.Context(), c.Param("id"), body, a.Reparse)
	} else {
		err = a.Inbox.Requeue(c.Request.Context(), c.Param("id"), a.Reparse)
	}
	if err != nil {
		inboxFailed(c, err)
		return
	}
	a.Wake()
	c.JSON(http.StatusOK, gin.H{"id": c.Param("id"), "status": "requeued"})
}

func (a inboxAdmin) drop(c *gin.Context) {
	if err := a.Inbox.Drop(c.Request.Context(), c.Param("id")); err != nil {
		inboxFailed(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"id": c.Param("id"), "status": "dropped"})
}

func view(d inbox.DeadLetter, reveal bool) DeadLetter {
	text := func(b []byte) string {
		plain, _ := readable(b)
		if reveal {
			return plain
		}
		return masked(plain)
	}
	v := DeadLetter{
		ID: d.ID, Reason: d.Reason, Detail: d.Detail, EventKey: d.EventKey, CallKey: d.CallKey,
		ReceivedAt: d.ReceivedAt, DiedAt: d.DiedAt, SizeBytes: d.SizeBytes, Body: text(d.Body),
	}
	if _, v.Encoding = readable(d.Body); v.Encoding != "" && reveal {
		v.Raw = d.Body
	}
	for _, variant := range d.Variants {
		v.Variants = append(v.Variants, text(variant))
	}
	return v
}

// Encodings of a body that is not shown as received.
const (
	encodingGzip   = "gzip"
	encodingBinary = "binary"
)

// readable returns a body as decompressed text, and its encoding if it was received in another form. It returns "" for a
// body that is not text, because numbers could not be found in it.
func readable(body []byte) (text, encoding string) {
	plain, err := unifonic.Unpack(body)
	switch {
	case err != nil || bytes.IndexByte(plain, 0) >= 0:
		return "", encodingBinary
	case !utf8.Valid(plain):
		return strings.ToValidUTF8(string(plain), "\uFFFD"), encodingBinary
	case unifonic.Packed(body):
		return string(plain), encodingGzip
	default:
		return string(plain), ""
	}
}

func inboxFailed(c *gin.Context, err error) {
	switch {
	case errors.Is(err, inbox.ErrNotFound):
		fail(c, problemNotFound, "Check the id: aftercall inbox list shows all dead letters.")
	case errors.Is(err, inbox.ErrKnown):
		fail(c, problemState, "The event in this body was already received, so there is nothing to deliver. Drop the dead letter.")
	case errors.Is(err, unifonic.ErrNotObject):
		fail(c, problemUndelivered, "It cannot be read as a notification ("+phone.Redact(err.Error())+"). aftercall inbox show --reveal prints it: "+
			"if you can correct it, aftercall inbox requeue ID --body FILE replaces it.")
	case errors.Is(err, inbox.ErrNoKey):
		fail(c, problemUndelivered, "Nothing in it identifies a call, so it cannot be delivered. Drop it once you have read it.")
	default:
		fail(c, problemInboxAway, "The inbox does not answer ("+phone.Redact(err.Error())+"). Try again after the time in Retry-After.")
	}
}

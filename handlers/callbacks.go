package handlers

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/phone"
)

// CallbackStatus says how far a callback is.
type CallbackStatus string

// Statuses of a callback.
const (
	CallbackWaiting     CallbackStatus = "WAITING"     // nothing was told yet
	CallbackDelivering  CallbackStatus = "DELIVERING"  // some of it is on its way
	CallbackDelivered   CallbackStatus = "DELIVERED"   // all that was told; more may come
	CallbackUndelivered CallbackStatus = "UNDELIVERED" // some of it is not tried any more, until an operator wants it
)

// Callback is what the API says of a callback: of its URL the host alone, and nothing of what was told.
type Callback struct {
	CallbackID  string                `json:"callbackId"`
	Subject     string                `json:"subject"` // id of the workflow that is told of
	Host        string                `json:"host"`
	Status      CallbackStatus        `json:"status"`
	Delivered   int                   `json:"delivered"`
	Undelivered []UndeliveredCallback `json:"undelivered"`
	Dropped     int                   `json:"dropped,omitempty"`
	Attention   []string              `json:"attention,omitempty"`
}

// UndeliveredCallback is one message that was not taken yet.
type UndeliveredCallback struct {
	WebhookID string                `json:"webhookId"`
	Type      string                `json:"type"`
	Revision  int                   `json:"revision,omitempty"`
	At        time.Time             `json:"at"`
	Late      bool                  `json:"late,omitempty"`
	GivenUp   bool                  `json:"givenUp,omitempty"`
	LastTry   *contract.CallbackTry `json:"lastTry,omitempty"`
}

// ListedCallback is what a list says of a callback.
type ListedCallback struct {
	CallbackID  string     `json:"callbackId"`
	Subject     string     `json:"subject"`
	ReferenceID string     `json:"referenceId,omitempty"`
	Attention   []string   `json:"attention,omitempty"`
	Running     bool       `json:"running"`
	StartedAt   time.Time  `json:"startedAt"`
	ClosedAt    *time.Time `json:"closedAt,omitempty"`
}

// CallbackStates are the values that the filter status of callbacks takes: whether there is still something to do.
func CallbackStates() []string { return SessionStates() }

func (a *api) listCallbacks(c *gin.Context) {
	list(c, a, contract.WorkflowCallback.Name, sessionStates, func(l desk.Listed) ListedCallback {
		return ListedCallback{
			CallbackID: l.WorkflowID, Subject: contract.CallbackSubject(l.WorkflowID), ReferenceID: l.ReferenceID, Attention: one(l.Attention),
			Running: l.Running, StartedAt: l.StartedAt, ClosedAt: l.ClosedAt,
		}
	})
}

func (a *api) showCallback(c *gin.Context) {
	a.answerCallback(c, http.StatusOK)
}

func (a *api) answerCallback(c *gin.Context, status int) {
	extend(c.Writer, desk.StateTimeout)
	id := c.Param("callbackId")
	if !calls.CallbackWorkflow(id) {
		a.failed(c, desk.ErrUnknown)
		return
	}
	s, _, err := desk.Ask(c.Request.Context(), a.Desk, contract.QueryCallback, id)
	if err != nil {
		a.failed(c, err)
		return
	}
	c.JSON(status, callbackOf(id, s))
}

func callbackOf(id string, s contract.CallbackState) Callback {
	v := Callback{
		CallbackID: id, Subject: s.Subject, Status: CallbackWaiting, Delivered: s.Count, Undelivered: []UndeliveredCallback{},
		Dropped: s.Dropped, Attention: s.Attention,
	}
	if u, err := url.Parse(s.URL); err == nil {
		v.Host = u.Host
	}
	switch {
	case len(s.Pending) > 0:
		v.Status = CallbackDelivering
	case s.Count > 0:
		v.Status = CallbackDelivered
	}
	for _, m := range s.Pending {
		v.Undelivered = append(v.Undelivered, UndeliveredCallback{
			WebhookID: m.ID, Type: m.Type, Revision: m.Revision, At: m.At, Late: m.Late, GivenUp: m.GivenUp, LastTry: m.LastTry,
		})
		if m.GivenUp {
			v.Status = CallbackUndelivered
		}
	}
	return v
}

// retryCallback sends again what was not delivered.
func (a *api) retryCallback(c *gin.Context) {
	extend(c.Writer, updateTimeout)
	err := a.Desk.RetryCallback(c.Request.Context(), c.Param("callbackId"))
	var refused *temporal.ApplicationError
	switch {
	case errors.Is(err, desk.ErrDelivered):
		fail(c, problemState, "All that was told is delivered.")
	case errors.As(err, &refused):
		fail(c, problemState, phone.Redact(refused.Message()))
	case err != nil:
		a.failed(c, err)
	default:
		a.answerCallback(c, http.StatusAccepted)
	}
}

// retryCallbacks sends again what many have not delivered.
func (a *api) retryCallbacks(c *gin.Context) {
	extend(c.Writer, maxWait)
	cursor, err := base64.RawURLEncoding.DecodeString(c.Query("cursor"))
	if c.Query("status") != "undelivered" || err != nil {
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the query parameters.",
			Errors: []intake.FieldError{{Field: "status", Message: "must be undelivered"}, {Field: "cursor", Message: "must be nextCursor of the answer before, or absent"}},
		})
		return
	}
	tried, failed, next, err := a.Desk.RetryCallbacks(c.Request.Context(), retriesAtOnce, cursor)
	if err != nil {
		a.failed(c, err)
		return
	}
	c.JSON(http.StatusAccepted, recordingsRetried{Retried: tried, Failed: failed, NextCursor: base64.RawURLEncoding.EncodeToString(next)})
}

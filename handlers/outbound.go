package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/phone"
)

// updateTimeout bounds how long a request waits for a workflow's update.
const updateTimeout = 20 * time.Second

type placedAnswer struct {
	ReferenceID   string     `json:"referenceId"`
	WorkflowID    string     `json:"workflowId"`
	ExpectedStart *time.Time `json:"expectedStart,omitempty"`
	Warnings      []string   `json:"warnings,omitempty"`
}

// warningDeadline means that, as things stand, the request will not be dialled before its deadline.
const warningDeadline = "deadline"

// Forecast tells when a request will be dialled, as things stand.
type Forecast struct {
	Start time.Time // zero if unknown
	Late  bool      // not before its deadline, or dialling is stopped
}

func (p *placedAnswer) forecast(f Forecast) {
	if !f.Start.IsZero() {
		at := f.Start.UTC()
		p.ExpectedStart = &at
	}
	if f.Late {
		p.Warnings = append(p.Warnings, warningDeadline)
	}
}

func (a *api) placeCall(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	key, former, ok := a.idempotencyKey(c, calls.OutboundCallWorkflowID)
	if !ok {
		return
	}
	asked, fault := intake.OutboundJSON(body, key, a.Now())
	if asked.Request.ReferenceID == key.Reference {
		asked.Former = former
	}
	c.Set(auditID, asked.Request.ReferenceID)
	fault = asked.Callable(a.CallbackURL, asked.Ruled(a.Rules, fault))
	ctx, cancel := starting(c)
	defer cancel()
	asked.Client = client(c).Name
	if p := asked.Request.Priority; fault == nil && (p == 1 || p == 2) && !client(c).May(access.Urgent) {
		fail(c, problemScope, "Priorities 1 and 2 need a key with the scope urgent (AFTERCALL_API_KEYS); an otp call always has priority 1.")
		return
	}
	if fault == nil && !a.stands(c, key, "outbound", asked.Request.ReferenceID) {
		return
	}
	isNew, err := a.Desk.PlaceCall(ctx, asked, fault)
	if err != nil {
		a.failed(c, err)
		return
	}
	ref := asked.Request.ReferenceID
	answer := placedAnswer{ReferenceID: ref, WorkflowID: calls.OutboundCallWorkflowID(ref)}
	if isNew && a.Forecast != nil {
		answer.forecast(a.Forecast(asked))
	}
	created(c, statusOf(isNew, http.StatusAccepted), "/v1/outbound-calls/"+url.PathEscape(ref), answer)
}

func (a *api) showOutboundCall(c *gin.Context) {
	wait, ok := waitParam(c)
	if !ok {
		return
	}
	extend(c.Writer, wait)
	a.answerOutbound(c, calls.OutboundCallWorkflowID(c.Param("referenceId")), wait)
}

// stopOutboundCall stops further attempts. It may be repeated, also after the request has ended.
func (a *api) stopOutboundCall(c *gin.Context) {
	id := calls.OutboundCallWorkflowID(c.Param("referenceId"))
	if !update(c, a, contract.UpdateStopRetrying, id, contract.StopRetrying{Reason: "requested by API client " + client(c).Name}) {
		return
	}
	a.answerOutbound(c, id, 0)
}

// retryOutboundCall makes one more attempt now, if the workflow accepts it.
func (a *api) retryOutboundCall(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	retry, err := intake.RetryJSON(body)
	if err != nil {
		a.failed(c, err)
		return
	}
	extend(c.Writer, updateTimeout)
	ctx, cancel := context.WithTimeout(c.Request.Context(), updateTimeout)
	defer cancel()
	id := calls.OutboundCallWorkflowID(c.Param("referenceId"))
	switch err := desk.Do(ctx, a.Desk, contract.UpdateRetryNow, id, retry); {
	case errors.Is(err, desk.ErrClosed), errors.Is(err, desk.ErrUnknown):
		a.tooLate(c, id)
	case err != nil:
		if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			fail(c, problemState, "No attempt was made: "+phone.Redact(refused.Message())+".")
			return
		}
		a.failed(c, err)
	default:
		a.answerOutbound(c, id, 0)
	}
}

// tooLate answers for a request that accepts no updates: it is unknown, or closed.
func (a *api) tooLate(c *gin.Context, id string) {
	if _, _, err := desk.Ask(c.Request.Context(), a.Desk, contract.QueryOutboundCall, id); err != nil {
		a.failed(c, err)
		return
	}
	fail(c, problemState, "The request's workflow is closed. Send a new request with another referenceId.")
}

func (a *api) answerOutbound(c *gin.Context, id string, wait time.Duration) {
	s, err := a.outboundWaits.get(c.Request.Context(), a.Stopping, id, wait)
	if err != nil {
		a.failed(c, err)
		return
	}
	s.Value.Attempts = some(s.Value.Attempts)
	c.JSON(http.StatusOK, s.Value)
}

// update sends an update to a workflow, or answers with the problem. It returns true if the workflow's state is the answer:
// also if the workflow is closed, has nothing to do, or has accepted the update but not finished it in time.
func update[In, Out any](c *gin.Context, a *api, u contract.Update[In, Out], id string, in In) bool {
	extend(c.Writer, updateTimeout)
	ctx, cancel := context.WithTimeout(c.Request.Context(), updateTimeout)
	defer cancel()
	err := desk.Do(ctx, a.Desk, u, id, in)
	var refused *temporal.ApplicationError
	switch {
	case err == nil, errors.Is(err, desk.ErrUnknown), errors.Is(err, desk.ErrClosed), ctx.Err() != nil:
		return true
	case errors.As(err, &refused):
		return a.refused(c, refused)
	}
	a.failed(c, err)
	return false
}

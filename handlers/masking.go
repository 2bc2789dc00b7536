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

// openTimeout bounds how long a request waits for a mask. Opening continues afterwards.
const openTimeout = 45 * time.Second

// openMask answers with the session. A repeated request gets the same session.
func (a *api) openMask(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	key, _, ok := a.idempotencyKey(c, calls.OpenMaskingSessionWorkflowID)
	if !ok {
		return
	}
	asked, err := intake.MaskingJSON(body, key)
	if err = asked.Callable(a.CallbackURL, err); err != nil {
		a.failed(c, err)
		return
	}
	c.Set(auditID, asked.Request.ReferenceID)
	if !a.stands(c, key, "mask", asked.Request.ReferenceID) {
		return
	}
	extend(c.Writer, openTimeout)
	ctx, cancel := starting(c)
	defer cancel()
	isNew, err := a.Desk.OpenMaskingSession(ctx, asked)
	if err != nil {
		a.failed(c, err)
		return
	}
	maskID, ok := a.opened(c, calls.OpenMaskingSessionWorkflowID(asked.Request.ReferenceID))
	if !ok {
		return
	}
	c.Header("Location", "/v1/masking-sessions/"+url.PathEscape(maskID))
	if id, ok := a.session(c, maskID); ok {
		a.answerMask(c, statusOf(isNew, http.StatusCreated), id)
	}
}

// opened waits for the mask, or answers with the reason that there is none.
func (a *api) opened(c *gin.Context, workflowID string) (maskID string, ok bool) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), openTimeout)
	defer cancel()
	defer context.AfterFunc(a.Stopping, cancel)()
	session, err := desk.Result(ctx, a.Desk, contract.WorkflowOpenMaskingSession, workflowID)
	var refused *temporal.ApplicationError
	switch {
	case err == nil:
		return session.MaskID, true
	case errors.As(err, &refused):
		a.refused(c, refused)
	case ctx.Err() != nil:
		fail(c, problemNotYet, "The masking session is still being opened. Send the same request again: it does not open a second session.")
	default:
		a.failed(c, err)
	}
	return "", false
}

func (a *api) showMask(c *gin.Context) {
	if id, ok := a.session(c, c.Param("maskId")); ok {
		a.answerMask(c, http.StatusOK, id)
	}
}

// session returns the id of a mask's workflow. ok is false if the mask is unknown; then session has answered.
func (a *api) session(c *gin.Context, maskID string) (id string, ok bool) {
	id, err := a.Desk.SessionID(c.Request.Context(), maskID)
	if err != nil {
		a.failed(c, err)
	}
	return id, err == nil
}

// closeMask closes a session. It may be repeated.
func (a *api) closeMask(c *gin.Context) {
	id, ok := a.session(c, c.Param("maskId"))
	if ok && update(c, a, contract.UpdateClose, id, contract.None{}) {
		a.answerMask(c, http.StatusOK, id)
	}
}

func (a *api) answerMask(c *gin.Context, status int, workflowID string) {
	s, _, err := desk.Ask(c.Request.Context(), a.Desk, contract.QueryMaskingSession, workflowID)
	if err != nil {
		a.failed(c, err)
		return
	}
	if !client(c).May(access.Read) { // a key that only opens and closes sees no numbers and no calls
		s.From, s.To, s.Calls, s.Recordings = "", "", nil, nil
	}
	s.Calls = some(s.Calls)
	a.overlaySession(c.Request.Context(), &s)
	c.JSON(status, s)
}

// overlaySession is overlay for all recordings of a session.
func (a *api) overlaySession(ctx context.Context, s *calls.MaskingSessionState) {
	known := s.Recordings
	for _, call := range s.Calls {
		known = append(known, call.Recordings...)
	}
	fresh := a.overlay(ctx, known)
	take := func(n int) (taken []calls.Recording) {
		taken, fresh = fresh[:n:n], fresh[n:]
		return taken
	}
	s.Recordings = take(len(s.Recordings))
	for i, call := range s.Calls {
		s.Calls[i].Recordings = take(len(call.Recordings))
	}
}

// refused answers with the workflow's message if the provider refused. It returns true for any other refusal: there was
// nothing to do, and the state is the answer.
func (a *api) refused(c *gin.Context, err *temporal.ApplicationError) bool {
	switch err.Type() {
	case calls.ErrTypeMaskNotOpened, calls.ErrTypeMaskUnknown, calls.ErrTypeMaskNotClosed:
		fail(c, problemProvider, phone.Redact(err.Message()))
		return false
	}
	return true
}

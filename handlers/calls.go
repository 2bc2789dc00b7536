package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/phone"
)

// overlayTimeout bounds how long an answer waits for the state of recordings.
const overlayTimeout = 2 * time.Second

type trackedAnswer struct {
	CallKey    string `json:"callKey"`
	WorkflowID string `json:"workflowId"`
}

func (a *api) trackCall(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	tracking, callbackURL, err := intake.TrackingJSON(body, a.CallbackURL)
	if err != nil {
		a.failed(c, err)
		return
	}
	ctx, cancel := starting(c)
	defer cancel()
	key, ok := a.callKey(c)
	if !ok {
		return
	}
	isNew, err := a.track(ctx, key, tracking, callbackURL)
	if err != nil {
		a.failed(c, err)
		return
	}
	created(c, statusOf(isNew, http.StatusCreated), "/v1/calls/"+url.PathEscape(key),
		trackedAnswer{CallKey: key, WorkflowID: calls.CallWorkflowID(key)})
}

// track watches a call and notifies whoever the request names.
func (a *api) track(ctx context.Context, key string, t calls.Tracking, callbackURL string) (isNew bool, err error) {
	var further *calls.Subscription
	if callbackURL != "" {
		id, err := a.Desk.Callback(ctx, calls.CallWorkflowID(key), callbackURL, a.Names.Parties(t.To))
		if err != nil {
			return false, err
		}
		further = &calls.Subscription{WorkflowID: id}
		if t.Subscription == nil {
			t.Subscription, further = further, nil
		}
	}
	isNew, err = a.Desk.Track(ctx, key, t)
	if errors.Is(err, desk.ErrClosed) {
		return isNew, errors.Join(a.tellNow(ctx, key, t.Subscription), a.tellNow(ctx, key, further))
	}
	if err != nil || further == nil {
		return isNew, err
	}
	if err = a.Desk.Subscribe(ctx, key, *further); errors.Is(err, desk.ErrClosed) {
		err = a.tellNow(ctx, key, further)
	}
	return isNew, err
}

// tellNow signals the outcome of a closed call to a workflow, if one is named: a closed call signals nobody itself. It
// ignores a workflow that is gone.
func (a *api) tellNow(ctx context.Context, callKey string, to *calls.Subscription) error {
	if to == nil {
		return nil
	}
	s, _, err := desk.Ask(ctx, a.Desk, contract.QueryCall, calls.CallWorkflowID(callKey))
	if err != nil || s.Outcome == nil {
		return err
	}
	err = desk.Tell(ctx, a.Desk, to.WorkflowID, contract.SignalCallOutcome(callKey), *s.Outcome)
	if errors.Is(err, desk.ErrUnknown) {
		return nil
	}
	return err
}

func (a *api) showCall(c *gin.Context) {
	wait, ok := waitParam(c)
	if !ok {
		return
	}
	extend(c.Writer, wait)
	key, ok := a.callKey(c)
	if !ok {
		return
	}
	s, err := a.callWaits.get(c.Request.Context(), a.Stopping, calls.CallWorkflowID(key), wait)
	if err != nil {
		a.failed(c, err)
		return
	}
	v := s.Value
	v.Evidence, v.Parties = nil, nil
	v.Legs, v.Notified = some(v.Legs), some(v.Notified)
	v.Recordings = a.overlay(c.Request.Context(), v.Recordings)
	if s.Closed {
		v.Recordings = append(v.Recordings, a.lateRecordings(c.Request.Context(), v)...)
	}
	c.JSON(http.StatusOK, v)
}

// callKey returns the key of the call in the path. ok is false if the call is unknown; then callKey has answered.
func (a *api) callKey(c *gin.Context) (key string, ok bool) {
	key, err := a.Desk.CallKey(c.Request.Context(), c.Param("callId"))
	if err != nil {
		a.failed(c, err)
	}
	return key, err == nil
}

// lateRecordings returns the recordings whose URL came after their call had closed: the call does not know them.
func (a *api) lateRecordings(ctx context.Context, s calls.CallState) []calls.Recording {
	var asked []calls.Recording
	for _, l := range s.Legs {
		for _, hash := range a.Names.Legs(l.Key()) {
			if !slices.ContainsFunc(s.Recordings, func(r calls.Recording) bool { return callstate.RecordingHash(r) == hash }) {
				asked = append(asked, calls.Recording{CallKey: s.CallKey, LegHash: hash})
			}
		}
	}
	return slices.DeleteFunc(a.overlay(ctx, asked), func(r calls.Recording) bool { return r.Status == "" })
}

// overlay replaces what a call or a session knows of its recordings with their own state, if they answer in time.
func (a *api) overlay(ctx context.Context, known []calls.Recording) []calls.Recording {
	ctx, cancel := context.WithTimeout(ctx, overlayTimeout)
	defer cancel()
	fresh := make([]calls.Recording, len(known))
	var g errgroup.Group
	g.SetLimit(8)
	for i, rec := range known {
		g.Go(func() error {
			var err error
			if fresh[i], err = a.recording(ctx, rec.CallKey, callstate.RecordingHash(rec)); err != nil {
				a.Log.Debug("recording did not answer", "error", phone.Redact(err.Error()))
				fresh[i] = rec
			}
			return nil
		})
	}
	_ = g.Wait() // nothing in it fails
	return fresh
}

package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/recordings"
)

var hashForm = regexp.MustCompile(`^[0-9a-f]{12}$`)

// errStore says that the store of recordings does not answer.
var errStore = errors.New("store of recordings")

func (a *api) showRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	key, ok := a.callKey(c)
	if !ok {
		return
	}
	rec, err := a.findRecording(c.Request.Context(), key, c.Query("leg"))
	if err != nil {
		a.recordingFailed(c, err)
		return
	}
	c.JSON(http.StatusOK, rec)
}

// playRecording serves the stored bytes; ranges work, so that a browser can seek.
func (a *api) playRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	ctx := c.Request.Context()
	key, ok := a.callKey(c)
	if !ok {
		return
	}
	rec, err := a.findRecording(ctx, key, c.Query("leg"))
	if err == nil && rec.Status != calls.RecordingStored {
		fail(c, problemNotFound, "The recording is not stored; its status is "+string(rec.Status)+".")
		return
	}
	var audio *recordings.Stored
	if err == nil {
		audio, err = a.Recordings.Open(ctx, rec.CallKey, rec.LegHash)
		if err != nil && !errors.Is(err, recordings.ErrNotStored) {
			err = fmt.Errorf("%w: %w", errStore, err)
		}
	}
	if err != nil {
		a.recordingFailed(c, err)
		return
	}
	defer func() { _ = audio.Close() }()
	h := c.Writer.Header()
	h.Set("Content-Type", audio.ContentType)
	h.Set("ETag", `"`+audio.SHA256+`"`)
	h.Set("Content-Disposition", "inline")
	var at time.Time
	if audio.StoredAt != nil {
		at = *audio.StoredAt
	}
	http.ServeContent(patient{c.Writer}, c.Request, "", at, audio)
}

// retryRecording has a recording that is not stored tried at once, whatever became of it.
func (a *api) retryRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	ctx := c.Request.Context()
	key, ok := a.callKey(c)
	if !ok {
		return
	}
	rec, err := a.findRecording(ctx, key, c.Query("leg"))
	if err == nil && rec.Status == calls.RecordingStored {
		fail(c, problemState, "The recording is stored already.")
		return
	}
	if err == nil {
		err = a.Desk.RetryRecording(ctx, calls.RecordingWorkflowIDOfHash(rec.CallKey, legHash(rec)))
	}
	var refused *temporal.ApplicationError
	switch {
	case errors.Is(err, desk.ErrNothingToRetry):
		fail(c, problemState, "No URL of this recording is known, so that there is nothing to try.")
	case errors.As(err, &refused):
		fail(c, problemState, phone.Redact(refused.Message()))
	case err != nil:
		a.recordingFailed(c, err)
	default:
		c.JSON(http.StatusAccepted, rec)
	}
}

// patient gives every piece of a long answer its own time: a slow listener is served, one that stands still is not.
type patient struct{ gin.ResponseWriter }

func (p patient) Write(b []byte) (int, error) {
	extend(p.ResponseWriter, 0)
	return p.ResponseWriter.Write(b)
}

// findRecording returns the recording of a leg, named by its callSid or hash, or of the first leg that has one.
func (a *api) findRecording(ctx context.Context, callKey, leg string) (calls.Recording, error) {
	switch {
	case hashForm.MatchString(leg):
		return a.recording(ctx, callKey, leg)
	case leg != "":
		return a.recordingOfLeg(ctx, callKey, leg)
	}
	s, closed, err := desk.Ask(ctx, a.Desk, contract.QueryCall, calls.CallWorkflowID(callKey))
	if err == nil && len(s.Recordings) > 0 {
		first := s.Recordings[0]
		rec, err := a.recording(ctx, callKey, legHash(first))
		if errors.Is(err, desk.ErrUnknown) {
			return first, nil
		}
		return rec, err
	}
	if err == nil && closed {
		if late := a.lateRecordings(ctx, s); len(late) > 0 {
			return late[0], nil
		}
	}
	// Workflows are forgotten long before recordings are.
	stored, storeErr := a.Recordings.List(ctx, callKey)
	switch {
	case storeErr != nil:
		return calls.Recording{}, fmt.Errorf("%w: %w", errStore, storeErr)
	case len(stored) > 0:
		return stored[0], nil
	case err != nil:
		return calls.Recording{}, err
	}
	return calls.Recording{}, desk.ErrUnknown
}

// recordingOfLeg returns the recording of a leg under the hash that stands for it now, or did before.
func (a *api) recordingOfLeg(ctx context.Context, callKey, leg string) (rec calls.Recording, err error) {
	for _, hash := range a.Names.Legs(leg) {
		if rec, err = a.recording(ctx, callKey, hash); !errors.Is(err, desk.ErrUnknown) {
			break
		}
	}
	return rec, err
}

// recording returns what the store knows of a leg's recording, or what its workflow says.
func (a *api) recording(ctx context.Context, callKey, hash string) (calls.Recording, error) {
	rec, ok, err := a.Recordings.Meta(ctx, callKey, hash)
	if err != nil {
		return rec, fmt.Errorf("%w: %w", errStore, err)
	}
	if !ok {
		rec, _, err = desk.Ask(ctx, a.Desk, contract.QueryRecording, calls.RecordingWorkflowIDOfHash(callKey, hash))
	}
	return rec, err
}

func (a *api) recordingFailed(c *gin.Context, err error) {
	switch {
	case gone(c, err):
		c.AbortWithStatus(statusClientGone)
	case errors.Is(err, desk.ErrUnknown), errors.Is(err, recordings.ErrNotStored):
		fail(c, problemNotFound, "No recording of this call is known, or none of this leg. It can still come until the call has ended.")
	case errors.Is(err, errStore):
		a.Log.Error("store of recordings failed", "error", phone.Redact(err.Error()))
		fail(c, problemStoreAway, "Send the same request again after the time in Retry-After.")
	default:
		a.failed(c, err)
	}
}

func legHash(r calls.Recording) string {
	if r.LegHash != "" {
		return r.LegHash
	}
	return calls.LegHash(r.Leg)
}

package handlers

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/recordings"
)

var hashForm = regexp.MustCompile(`^[0-9a-f]{12}(-[0-9a-f]{12})?$`)

// errStore says that the store of recordings does not answer.
var errStore = errors.New("store of recordings")

// recordingPoll is how often a recording that somebody waits for is looked at.
const recordingPoll = time.Second

// showRecording answers with a recording, at once or when it is settled. Nothing is started by waiting.
func (a *api) showRecording(c *gin.Context) {
	wait, ok := waitParam(c)
	if !ok {
		return
	}
	extend(c.Writer, max(wait, desk.StateTimeout))
	ctx := c.Request.Context()
	until := time.Now().Add(wait)
	tick := time.NewTicker(recordingPoll)
	defer tick.Stop()
	for {
		rec, ok, err := a.askedRecording(c)
		if !ok {
			return
		}
		unsettled := errors.Is(err, desk.ErrUnknown) || err == nil && rec.Status == calls.RecordingPending
		if unsettled && time.Now().Before(until) && a.Stopping.Err() == nil {
			select {
			case <-tick.C:
				continue
			case <-a.Stopping.Done():
				continue
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			a.recordingFailed(c, err)
			return
		}
		c.JSON(http.StatusOK, rec)
		return
	}
}

// askedRecording is the recording that a request names. ok is false where the request was answered: it names no call.
func (a *api) askedRecording(c *gin.Context) (rec calls.Recording, ok bool, err error) {
	key, ok := a.callKey(c)
	if !ok {
		return rec, false, nil
	}
	rec, err = a.findRecording(c.Request.Context(), key, cmp.Or(c.Query("recording"), c.Query("leg")))
	return rec, true, err
}

// deleteRecording removes the bytes of a stored recording.
func (a *api) deleteRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	rec, ok, err := a.askedRecording(c)
	if !ok {
		return
	}
	if err == nil && rec.Status != calls.RecordingStored && rec.Status != calls.RecordingDeleted {
		fail(c, problemState, "Only a stored recording can be deleted; this one is "+string(rec.Status)+".")
		return
	}
	if err == nil {
		rec, err = a.Recordings.Remove(c.Request.Context(), rec.CallKey, callstate.RecordingHash(rec))
		if err != nil && !errors.Is(err, recordings.ErrNotStored) && !errors.Is(err, recordings.ErrDamaged) {
			err = fmt.Errorf("%w: %w", errStore, err)
		}
	}
	if err != nil {
		a.recordingFailed(c, err)
		return
	}
	c.JSON(http.StatusOK, rec)
}

// recordingsRetried says how many recordings are tried again, and where to go on.
type recordingsRetried struct {
	Retried    int    `json:"retried"`
	Failed     int    `json:"failed"`
	NextCursor string `json:"nextCursor,omitempty"`
}

// retriesAtOnce is how many recordings one request has tried again.
const retriesAtOnce = 100

// retryRecordings has many recordings tried at once.
func (a *api) retryRecordings(c *gin.Context) {
	extend(c.Writer, maxWait)
	which := c.Query("status")
	cursor, err := base64.RawURLEncoding.DecodeString(c.Query("cursor"))
	if which != "pending" && which != "expired" || err != nil {
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the query parameters.",
			Errors: []intake.FieldError{{Field: "status", Message: "must be pending or expired"}, {Field: "cursor", Message: "must be nextCursor of the answer before, or absent"}},
		})
		return
	}
	tried, failed, next, err := a.Desk.RetryRecordings(c.Request.Context(), which == "pending", retriesAtOnce, cursor)
	if err != nil {
		a.failed(c, err)
		return
	}
	c.JSON(http.StatusAccepted, recordingsRetried{Retried: tried, Failed: failed, NextCursor: base64.RawURLEncoding.EncodeToString(next)})
}

// playRecording serves the stored bytes; ranges work, so that a browser can seek.
func (a *api) playRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	ctx := c.Request.Context()
	rec, ok, err := a.askedRecording(c)
	if !ok {
		return
	}
	if err == nil && rec.Status != calls.RecordingStored {
		fail(c, problemNotFound, "The recording is not stored; its status is "+string(rec.Status)+".")
		return
	}
	var audio *recordings.Stored
	if err == nil {
		audio, err = a.Recordings.Open(ctx, rec.CallKey, rec.LegHash)
		if err != nil && !errors.Is(err, recordings.ErrNotStored) && !errors.Is(err, recordings.ErrDeleted) && !errors.Is(err, recordings.ErrDamaged) {
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
	w := &patient{ResponseWriter: c.Writer}
	http.ServeContent(w, c.Request, "", at, audio)
	if w.outOfRange {
		fail(c, problemRange, "Content-Range says how many bytes there are.")
	}
}

// retryRecording has a recording that is not stored tried at once, whatever became of it.
func (a *api) retryRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	ctx := c.Request.Context()
	rec, ok, err := a.askedRecording(c)
	if !ok {
		return
	}
	if err == nil && (rec.Status == calls.RecordingStored || rec.Status == calls.RecordingDeleted) {
		fail(c, problemState, "There is nothing to try: the recording is "+string(rec.Status)+".")
		return
	}
	if err == nil {
		err = a.Desk.RetryRecording(ctx, calls.RecordingWorkflowIDOfHash(rec.CallKey, callstate.RecordingHash(rec)))
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

// patient gives every piece of a long answer its own time: a slow listener is served, one that stands still is not. It
// keeps the text to itself that would be the answer to a range that is not there.
type patient struct {
	gin.ResponseWriter
	outOfRange bool
}

func (p *patient) WriteHeader(status int) {
	if p.outOfRange = status == http.StatusRequestedRangeNotSatisfiable; !p.outOfRange {
		p.ResponseWriter.WriteHeader(status)
	}
}

func (p *patient) Write(b []byte) (int, error) {
	if p.outOfRange {
		return len(b), nil
	}
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
		rec, err := a.recording(ctx, callKey, callstate.RecordingHash(first))
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
	case errors.Is(err, recordings.ErrDamaged):
		if a.Damaged != nil {
			a.Damaged()
		}
		a.Log.Error("a stored recording was changed by somebody, and is not served", "callKey", calls.Key(c.Param("callId")), "error", phone.Redact(err.Error()))
		fail(c, problemDamaged, "Its bytes, or what is kept beside them, are not what was stored. Restore them from a backup.")
	case errors.Is(err, desk.ErrUnknown), errors.Is(err, recordings.ErrNotStored), errors.Is(err, recordings.ErrDeleted):
		fail(c, problemNotFound, "No recording of this call is known, or none of this leg. It can still come until the call has ended.")
	case errors.Is(err, errStore):
		a.Log.Error("store of recordings failed", "error", phone.Redact(err.Error()))
		fail(c, problemStoreAway, "Send the same request again after the time in Retry-After.")
	default:
		a.failed(c, err)
	}
}

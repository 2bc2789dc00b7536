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

// errStore means that the recordings store does not answer.
var errStore = errors.New("store of recordings")

// recordingPoll is how often a wait for a recording polls.
const recordingPoll = time.Second

// showRecording answers with a recording, at once or once it is stored or lost. Waiting starts nothing.
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

// askedRecording returns the recording that a request names. ok is false if it names no known call; then askedRecording has
// answered.
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

// recordingsRetried is how many recordings were retried, and the cursor of the rest.
type recordingsRetried struct {
	Retried    int    `json:"retried"`
	Failed     int    `json:"failed"`
	NextCursor string `json:"nextCursor,omitempty"`
}

// retriesAtOnce is how many recordings one request retries.
const retriesAtOnce = 100

// retryRecordings retries many recordings.
func (a *api) retryRecordings(c *gin.Context) {
	extend(c.Writer, maxWait)
	which := c.Query("status")
	cursor, err := base64.RawURLEncoding.DecodeString(c.Query("cursor"))
	if which != "pending" && which != "expired" || err != nil {
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the query parameters.",
			Errors: []intake.FieldError{{Field: "status", Message: "must be pending or expired"}, {Field: "cursor", Message: "must be nextCursor of the previous answer, or absent"}},
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

// playRecording serves the stored bytes. It supports ranges, so that a browser can seek.
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

// retryRecording retries a recording that is not stored, in whatever state it is.
func (a *api) retryRecording(c *gin.Context) {
	extend(c.Writer, desk.StateTimeout)
	ctx := c.Request.Context()
	rec, ok, err := a.askedRecording(c)
	if !ok {
		return
	}
	if err == nil && (rec.Status == calls.RecordingStored || rec.Status == calls.RecordingDeleted) {
		fail(c, problemState, "There is nothing to retry: the recording is "+string(rec.Status)+".")
		return
	}
	if err == nil {
		err = a.Desk.RetryRecording(ctx, calls.RecordingWorkflowIDOfHash(rec.CallKey, callstate.RecordingHash(rec)))
	}
	var refused *temporal.ApplicationError
	switch {
	case errors.Is(err, desk.ErrNothingToRetry):
		fail(c, problemState, "This recording's URL is unknown, so there is nothing to retry.")
	case errors.As(err, &refused):
		fail(c, problemState, phone.Redact(refused.Message()))
	case err != nil:
		a.recordingFailed(c, err)
	default:
		c.JSON(http.StatusAccepted, rec)
	}
}

// patient extends the write timeout with every piece of a long answer: it serves a slow client, not a stalled one. It drops
// the text that net/http writes for a range that does not exist.
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

// findRecording returns the recording of a leg, given its callSid or hash, or of the first leg that has one.
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
	// Temporal removes workflows long before recordings are deleted.
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

// recordingOfLeg returns the recording of a leg under its hash, by the current key or an older one.
func (a *api) recordingOfLeg(ctx context.Context, callKey, leg string) (rec calls.Recording, err error) {
	for _, hash := range a.Names.Legs(leg) {
		if rec, err = a.recording(ctx, callKey, hash); !errors.Is(err, desk.ErrUnknown) {
			break
		}
	}
	return rec, err
}

// recording returns the state of a leg's recording, from the store or else from its workflow.
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
		a.Log.Error("a stored recording was changed and is not served", "callKey", calls.Key(c.Param("callId")), "error", phone.Redact(err.Error()))
		fail(c, problemDamaged, "Its bytes or its metadata differ from what was stored. Restore them from a backup.")
	case errors.Is(err, desk.ErrUnknown), errors.Is(err, recordings.ErrNotStored), errors.Is(err, recordings.ErrDeleted):
		fail(c, problemNotFound, "No recording of this call or leg is known. One may still arrive until the call has ended.")
	case errors.Is(err, errStore):
		a.Log.Error("store of recordings failed", "error", phone.Redact(err.Error()))
		fail(c, problemStoreAway, "Send the same request again after the time in Retry-After.")
	default:
		a.failed(c, err)
	}
}

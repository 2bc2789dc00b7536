package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/rules"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// maxWait is the longest time that a request may wait for an outcome. It is shorter than the timeout of common proxies.
const maxWait = 45 * time.Second

// Desk starts, signals and queries workflows. Package desk implements it and documents the errors.
type Desk interface {
	// PlaceCall starts the workflow of a request, and reports whether it was new.
	PlaceCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error)
	// Track starts watching a call, and reports whether the call was unknown before.
	Track(ctx context.Context, callKey string, t calls.Tracking) (created bool, err error)
	// Subscribe makes a workflow a subscriber of a call; desk.ErrClosed where it is over.
	Subscribe(ctx context.Context, callKey string, s calls.Subscription) error
	// Callback makes a URL a subscriber of what is told of a workflow, and returns the id that it subscribes by.
	Callback(ctx context.Context, subject, url string, parties []string) (workflowID string, err error)
	// RetryCallback sends what a callback has not delivered again; desk.ErrDelivered where there is nothing.
	RetryCallback(ctx context.Context, workflowID string) error
	// RetryCallbacks is RetryCallback for up to a number of those that need attention; next is empty at the end.
	RetryCallbacks(ctx context.Context, limit int, cursor []byte) (tried, failed int, next []byte, err error)
	// OpenMaskingSession starts the workflow that opens a session, and reports whether it was new.
	OpenMaskingSession(ctx context.Context, asked intake.Masking) (created bool, err error)
	// RetryRecordings retries up to a number of pending or lost recordings. It returns the cursor of the rest, empty at the
	// end.
	RetryRecordings(ctx context.Context, pending bool, limit int, cursor []byte) (tried, failed int, next []byte, err error)
	// RetryRecording retries the recording of a workflow at once. It returns desk.ErrNothingToRetry if it has no URL.
	RetryRecording(ctx context.Context, workflowID string) error
	// AwaitOutcome returns once a workflow's outcome is known. It returns an error at once if it cannot wait.
	AwaitOutcome(ctx context.Context, workflowID string) error
	// List returns the workflows of a type, newest first. It returns desk.ErrCursor if the filter's cursor is invalid.
	List(ctx context.Context, workflowType string, f desk.Filter) (desk.Page, error)
	// CallKey returns the key of a call, given any id or key of it. SessionID returns the id of a mask's workflow.
	CallKey(ctx context.Context, id string) (string, error)
	SessionID(ctx context.Context, maskID string) (string, error)
	// Reference returns the referenceId that stands for an idempotency key, and the one that an earlier release used.
	Reference(ctx context.Context, idempotencyKey string, workflowID func(string) string) (reference, former string, err error)
	desk.Messenger
}

// RecordingStore holds the stored recordings.
type RecordingStore interface {
	// Meta returns the metadata of a leg's stored recording. ok is false if none is stored.
	Meta(ctx context.Context, callKey, legHash string) (rec calls.Recording, ok bool, err error)
	// List returns all recordings of a call in the order of storing.
	List(ctx context.Context, callKey string) ([]calls.Recording, error)
	// Remove deletes the bytes of a recording and keeps its metadata. Errors: recordings.ErrNotStored.
	Remove(ctx context.Context, callKey, legHash string) (calls.Recording, error)
	// Open opens a recording for reading. Errors: recordings.ErrNotStored, recordings.ErrDeleted, recordings.ErrDamaged.
	Open(ctx context.Context, callKey, legHash string) (*recordings.Stored, error)
}

// APIOptions configures the API.
type APIOptions struct {
	LogIn      *LogIn
	Audit      Auditor // records what was done; may be nil
	Desk       Desk
	Recordings RecordingStore
	Receipts   Receipts
	Parser     unifonic.Parser // reads received notifications
	Names      ids.Namer       // of legs
	Rules      rules.Rules     // checked when a request is accepted
	// CallbackURL says why a URL will not be posted to; nil: every URL is accepted.
	CallbackURL intake.URLPolicy
	// Suppressions and Hash serve /v1/suppressions, which answers 503 without them.
	Suppressions SuppressionBook
	Hash         PhoneHash
	Requests     RequestBook     // keeps which request an idempotency key stands for; may be nil
	Eraser       Eraser          // serves /v1/erasures, which answers 503 without it
	Stopping     context.Context // ends all waits with the current state; nil: never
	Log          *slog.Logger
	Now          func() time.Time // nil: time.Now
	// Forecast returns when a request that was just accepted will be dialled; nil: unknown.
	Forecast func(intake.Outbound) Forecast
	NoKeys   bool   // keys are unreadable: nothing is served
	Damaged  func() // called for a stored recording that was changed; may be nil
}

type api struct {
	APIOptions
	callWaits     *waits[calls.CallState]
	outboundWaits *waits[calls.OutboundCallState]
}

// MountAPI adds the routes under /v1, and their description.
func MountAPI(r gin.IRouter, o APIOptions) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Stopping == nil {
		o.Stopping = context.Background()
	}
	a := &api{
		APIOptions:    o,
		callWaits:     newWaits(o.Desk, contract.QueryCall, func(s calls.CallState) bool { return s.Outcome != nil }),
		outboundWaits: newWaits(o.Desk, contract.QueryOutboundCall, func(s calls.OutboundCallState) bool { return s.Outcome != nil }),
	}
	v1 := r.Group("/v1", o.LogIn.bearer, readableIDs, apiShare)
	if o.NoKeys {
		v1.Use(withoutKeys)
	}
	read := func(path string, h gin.HandlerFunc) { v1.GET(path, needs(access.Read), h) }
	do := func(method, path string, s access.Scope, action audit.Action, h gin.HandlerFunc) {
		v1.Handle(method, path, needs(s), audited(o.Audit, action, ""), owned, h)
	}
	do(http.MethodPost, "/outbound-calls", access.Call, audit.Place, a.placeCall)
	read("/outbound-calls", a.listOutboundCalls)
	read("/outbound-calls/:referenceId", a.showOutboundCall)
	do(http.MethodDelete, "/outbound-calls/:referenceId", access.Call, audit.Stop, a.stopOutboundCall)
	do(http.MethodPost, "/outbound-calls/:referenceId/retry", access.Call, audit.Retry, a.retryOutboundCall)
	read("/calls", a.listCalls)
	do(http.MethodPut, "/calls/:callId", access.Call, audit.Track, a.trackCall)
	read("/calls/:callId", a.showCall)
	read("/calls/:callId/events", a.listEvents)
	read("/masking-sessions", a.listMaskingSessions)
	do(http.MethodPost, "/masking-sessions", access.Call, audit.Open, a.openMask)
	read("/masking-sessions/:maskId", a.showMask)
	do(http.MethodDelete, "/masking-sessions/:maskId", access.Call, audit.Close, a.closeMask)
	read("/recordings/:callId", a.showRecording)
	do(http.MethodGet, "/recordings/:callId/audio", access.Listen, audit.Listen, a.playRecording)
	do(http.MethodHead, "/recordings/:callId/audio", access.Listen, audit.Listen, a.playRecording)
	do(http.MethodPost, "/recordings/:callId/retry", access.Call, audit.RetryRecording, a.retryRecording)
	do(http.MethodPost, "/recordings", access.Call, audit.RetryRecording, a.retryRecordings)
	do(http.MethodDelete, "/recordings/:callId", access.Erase, audit.Erase, a.deleteRecording)
	read("/callbacks", a.listCallbacks)
	read("/callbacks/:callbackId", a.showCallback)
	do(http.MethodPost, "/callbacks", access.Call, audit.RetryCallback, a.retryCallbacks)
	do(http.MethodPost, "/callbacks/:callbackId/retry", access.Call, audit.RetryCallback, a.retryCallback)
	do(http.MethodPost, "/erasures", access.Erase, audit.Erase, a.erase)
	do(http.MethodPut, "/suppressions/:number", access.Call, audit.Suppress, a.suppress)
	read("/suppressions/:number", a.showSuppression)
	do(http.MethodDelete, "/suppressions/:number", access.Call, audit.Unsuppress, a.unsuppress)
	mountDescription(r)
}

// withoutKeys refuses every request: without keys it could not recognise a repeated one.
func withoutKeys(c *gin.Context) {
	fail(c, problemKeysAway, "Notifications are still accepted. Aftercall's log says what is wrong with the keys.")
}

// readableIDs answers 404 if an id in the path is not valid text: no such id can exist.
func readableIDs(c *gin.Context) {
	for _, p := range c.Params {
		if !utf8.ValidString(p.Value) || strings.IndexFunc(p.Value, unicode.IsControl) >= 0 {
			fail(c, problemNotFound, "Check the id: it is not valid text.")
			return
		}
	}
}

// owned marks what the request starts with the name of its key.
func owned(c *gin.Context) {
	c.Request = c.Request.WithContext(desk.WithOwner(c.Request.Context(), client(c).Name))
}

// waitParam reads the parameter wait, or answers 422.
func waitParam(c *gin.Context) (time.Duration, bool) {
	text, given := c.GetQuery("wait")
	if !given {
		return 0, true
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the query parameter wait, or omit it.",
			Errors: []intake.FieldError{{Field: "wait", Message: `must be a duration like "30s", at most 45s`}},
		})
		return 0, false
	}
	return min(d, maxWait), true
}

// failed answers an error of the desk with its problem.
func (a *api) failed(c *gin.Context, err error) {
	switch {
	case gone(c, err):
		c.AbortWithStatus(statusClientGone)
	case invalid(c, err):
	case errors.Is(err, desk.ErrForeign):
		fail(c, problemConflict, "Another program's workflow has this id. Use another id, or end that workflow.")
	case errors.Is(err, desk.ErrConflict):
		fail(c, problemConflict, "A different request has this referenceId. Use another referenceId, or repeat the first request unchanged.")
	case errors.Is(err, desk.ErrUnknown) && a.Stopping.Err() != nil:
		fail(c, problemNotYet, "This aftercall is stopping. Send the same request again after the time in Retry-After.")
	case errors.Is(err, desk.ErrUnknown):
		fail(c, problemNotFound, "Check the id. A new request may take a moment to appear: add ?wait=10s if the route supports it.")
	case errors.Is(err, desk.ErrAway):
		a.Log.Warn("temporal is unavailable", "route", c.FullPath(), "error", phone.Redact(err.Error()))
		fail(c, problemTemporalAway, "Send the same request again after the time in Retry-After. It is safe to repeat.")
	default:
		a.Log.Error("request failed", "route", c.FullPath(), "error", phone.Redact(err.Error()))
		fail(c, problemInternal, "Internal error; aftercall's log has the details.")
	}
}

// startTimeout bounds starting and signalling, so that the answer is sent within the server's write timeout.
const startTimeout = 8 * time.Second

// starting returns the context for starting something. It survives the client's hanging up.
func starting(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request.Context()), startTimeout)
}

// created answers with a new thing and its Location.
func created(c *gin.Context, status int, at string, v any) {
	c.Header("Location", at)
	c.JSON(status, v)
}

// some returns the slice, or an empty one for nil: a list in an answer is never null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// statusOf returns whenNew for something new, and 200 for something that existed.
func statusOf(isNew bool, whenNew int) int {
	if isNew {
		return whenNew
	}
	return http.StatusOK
}

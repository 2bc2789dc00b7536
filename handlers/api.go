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

// maxWait is the longest that a request waits for an outcome: shorter than proxies wait for an answer.
const maxWait = 45 * time.Second

// Desk starts, tells and asks workflows; see package desk, which implements it, for the errors.
type Desk interface {
	// PlaceCall starts the workflow of a request, and reports whether it was new.
	PlaceCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error)
	// Track has a call watched, and reports whether nothing was heard of it before.
	Track(ctx context.Context, callKey string, t calls.Tracking) (created bool, err error)
	// OpenMaskingSession starts the workflow that opens a session, and reports whether it was new.
	OpenMaskingSession(ctx context.Context, asked intake.Masking) (created bool, err error)
	// RetryRecordings has up to a number of recordings tried at once, those that are pending or those that were lost, and
	// says where to go on; next is empty at the end.
	RetryRecordings(ctx context.Context, pending bool, limit int, cursor []byte) (tried, failed int, next []byte, err error)
	// RetryRecording has the recording of a workflow tried at once; desk.ErrNothingToRetry where it has no URL.
	RetryRecording(ctx context.Context, workflowID string) error
	// AwaitOutcome returns when a workflow's outcome is known, with an error at once where it cannot be awaited.
	AwaitOutcome(ctx context.Context, workflowID string) error
	// List lists the workflows of a type, the youngest first; desk.ErrCursor where the filter's is none.
	List(ctx context.Context, workflowType string, f desk.Filter) (desk.Page, error)
	// CallKey is the key of a call by an identifier or a key; SessionID is the id of the workflow of a mask.
	CallKey(ctx context.Context, id string) (string, error)
	SessionID(ctx context.Context, maskID string) (string, error)
	desk.Messenger
}

// RecordingStore holds stored recordings.
type RecordingStore interface {
	// Meta returns what is known of a leg's stored recording; ok is false where none is stored.
	Meta(ctx context.Context, callKey, legHash string) (rec calls.Recording, ok bool, err error)
	// List returns all of a call, first stored first.
	List(ctx context.Context, callKey string) ([]calls.Recording, error)
	// Remove deletes the bytes of one and keeps a note of it. Errors: recordings.ErrNotStored.
	Remove(ctx context.Context, callKey, legHash string) (calls.Recording, error)
	// Open opens one for reading. Errors: recordings.ErrNotStored, recordings.ErrDeleted, recordings.ErrDamaged.
	Open(ctx context.Context, callKey, legHash string) (*recordings.Stored, error)
}

// APIOptions are what the API needs.
type APIOptions struct {
	LogIn      *LogIn
	Audit      Auditor // told what was done; may be nil
	Desk       Desk
	Recordings RecordingStore
	Receipts   Receipts
	Parser     unifonic.Parser // reads what was received
	Names      ids.Namer       // of legs
	Rules      rules.Rules     // that a request is held to when it is accepted
	// Suppressions and Hash serve /v1/suppressions; without them it answers 503.
	Suppressions SuppressionBook
	Hash         PhoneHash
	Eraser       Eraser          // serves /v1/erasures, which answers 503 without
	Stopping     context.Context // when it ends, all waits end with what is known; nil: never
	Log          *slog.Logger
	Now          func() time.Time // nil: time.Now
	// Forecast says when a request that was just accepted will be dialled; nil: nobody can tell.
	Forecast func(intake.Outbound) Forecast
	NoKeys   bool   // there are keys that cannot be read: nothing is served
	Damaged  func() // told of a stored recording that is not what was stored; nil: nobody
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
	do(http.MethodPost, "/erasures", access.Erase, audit.Erase, a.erase)
	do(http.MethodPut, "/suppressions/:number", access.Call, audit.Suppress, a.suppress)
	read("/suppressions/:number", a.showSuppression)
	do(http.MethodDelete, "/suppressions/:number", access.Call, audit.Unsuppress, a.unsuppress)
	mountDescription(r)
}

// withoutKeys refuses everything: a request that was made before could not be recognised.
func withoutKeys(c *gin.Context) {
	fail(c, problemKeysAway, "Notifications are taken all the same. The log of aftercall says what is wrong with its keys.")
}

// readableIDs answers 404 where an id in the path is no text: nothing can be known under it.
func readableIDs(c *gin.Context) {
	for _, p := range c.Params {
		if !utf8.ValidString(p.Value) || strings.IndexFunc(p.Value, unicode.IsControl) >= 0 {
			fail(c, problemNotFound, "Check the id: it holds bytes that no id has.")
			return
		}
	}
}

// owned lets what the request starts bear the name of its key.
func owned(c *gin.Context) {
	c.Request = c.Request.WithContext(desk.WithOwner(c.Request.Context(), client(c).Name))
}

// waitParam reads how long a request wants to wait, or answers 422.
func waitParam(c *gin.Context) (time.Duration, bool) {
	text, given := c.GetQuery("wait")
	if !given {
		return 0, true
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the query parameter wait, or leave it out.",
			Errors: []intake.FieldError{{Field: "wait", Message: `must be a duration like "30s", at most 45s`}},
		})
		return 0, false
	}
	return min(d, maxWait), true
}

// failed answers for what went wrong on the way to a workflow.
func (a *api) failed(c *gin.Context, err error) {
	switch {
	case gone(c, err):
		c.AbortWithStatus(statusClientGone)
	case invalid(c, err):
	case errors.Is(err, desk.ErrForeign):
		fail(c, problemConflict, "A workflow has this id that aftercall did not start. Use another id, or end that workflow.")
	case errors.Is(err, desk.ErrConflict):
		fail(c, problemConflict, "Another request was made under this referenceId. Choose another one, or repeat the first request unchanged.")
	case errors.Is(err, desk.ErrUnknown) && a.Stopping.Err() != nil:
		fail(c, problemNotYet, "This aftercall stops. Send the same request again after the time in Retry-After.")
	case errors.Is(err, desk.ErrUnknown):
		fail(c, problemNotFound, "Check the id. What was only just asked for may take a moment: add ?wait=10s where the route has it.")
	case errors.Is(err, desk.ErrAway):
		a.Log.Warn("temporal is away", "route", c.FullPath(), "error", phone.Redact(err.Error()))
		fail(c, problemTemporalAway, "Send the same request again after the time in Retry-After. It is safe to repeat.")
	default:
		a.Log.Error("request failed", "route", c.FullPath(), "error", phone.Redact(err.Error()))
		fail(c, problemInternal, "This is a fault of aftercall. Its log has the details.")
	}
}

// startTimeout bounds starting and signalling, so that the answer leaves within the server's write timeout.
const startTimeout = 8 * time.Second

// starting is the context in which a request starts something. Who hangs up does not undo it.
func starting(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request.Context()), startTimeout)
}

// created says where a thing is found, and answers with it.
func created(c *gin.Context, status int, at string, v any) {
	c.Header("Location", at)
	c.JSON(status, v)
}

// some is the slice itself, or an empty one: a list in an answer is never null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// statusOf is the status for something that was made just now, or before.
func statusOf(isNew bool, whenNew int) int {
	if isNew {
		return whenNew
	}
	return http.StatusOK
}

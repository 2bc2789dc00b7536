package contract

import (
	"cmp"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// WorkflowCallback posts to one URL what is told of one subject: a request, a call or a masking session.
var WorkflowCallback = Workflow[CallbackInput, CallbackState]{"Callback"}

// Messages to a Callback workflow, beside those that every subscriber is told.
var (
	QueryCallback       = Query[CallbackState]{calls.QueryState}
	UpdateRetryCallback = Update[None, None](UpdateRetryNow)
)

// Activities of callbacks.
var (
	ActivityDeliverCallback = Activity[DeliverCallbackInput, None]{"DeliverCallback", TaskQueue}
	// ActivityHearRecordings has a Callback told of the recordings of a call.
	ActivityHearRecordings = Activity[calls.SubscribeRequest, calls.RecordingResult]{"HearRecordings", TaskQueue}
)

// Types of callbacks. Each is the beginning of the name of the signal that tells the same to a workflow.
const (
	CallbackOutbound  = "outbound-outcome"
	CallbackCall      = "call-outcome"
	CallbackRecording = "recording"
	CallbackMasking   = "masking-closed"
)

// CallbackInput starts a Callback workflow. URL is a secret. The rest is what a run hands on to the next.
type CallbackInput struct {
	Subject   string            `json:"subject"` // id of the workflow that is told of
	URL       string            `json:"url"`
	Parties   []string          `json:"parties,omitempty"`   // keyed hashes of the subject's numbers
	Pending   []CallbackMessage `json:"pending,omitempty"`   // in the order in which they came
	Delivered []CallbackMark    `json:"delivered,omitempty"` // the last one of each thing
	Count     int               `json:"count,omitempty"`     // of all that were delivered
	Dropped   int               `json:"dropped,omitempty"`
	Heard     []string          `json:"heard,omitempty"` // calls of whose recordings it is told
}

// CallbackMessage is one callback. Data carries no phone number.
type CallbackMessage struct {
	ID       string          `json:"id"` // the same at every try: header webhook-id
	Type     string          `json:"type"`
	Thing    string          `json:"thing"` // what it tells of: those of one thing go out in the order of their revisions
	Revision int             `json:"revision,omitempty"`
	At       time.Time       `json:"at"` // when we heard of it
	Data     json.RawMessage `json:"data"`
	Since    time.Time       `json:"since"`             // when tries began, at first or by an operator's hand
	Late     bool            `json:"late,omitempty"`    // it was tried for a while in vain
	GivenUp  bool            `json:"givenUp,omitempty"` // not tried any more, until an operator wants it or more is told
	LastTry  *CallbackTry    `json:"lastTry,omitempty"` // the last that failed and that the workflow heard of
}

// CallbackTry is what came of one try. Reason is one of package callbacks.
type CallbackTry struct {
	At         time.Time `json:"at"`
	Reason     string    `json:"reason"`
	HTTPStatus int       `json:"httpStatus,omitempty"`
}

// CallbackMark is the last message of a thing that was delivered.
type CallbackMark struct {
	Thing    string `json:"thing"`
	ID       string `json:"id"`
	Revision int    `json:"revision,omitempty"`
}

// CallbackState is the state and the result of a Callback workflow. It is its input, as things stand.
type CallbackState struct {
	CallbackInput
	Attention []string `json:"attention,omitempty"`
}

// DeliverCallbackInput is one message and where to post it. URL is a secret.
type DeliverCallbackInput struct {
	URL     string          `json:"url"`
	Message CallbackMessage `json:"message"`
}

// Types of DeliverCallback's errors. Each has a CallbackTry as detail.
const (
	ErrTypeCallbackRefused = "CALLBACK_REFUSED" // whoever is to be called back did not take it; retried
	ErrTypeCallbackGone    = "CALLBACK_GONE"    // it wants nothing any more; not retried
	ErrTypeCallbackBusy    = "CALLBACK_BUSY"    // it was not asked: enough is under way; retried
)

// ErrTypeCallbackUndelivered is what a Callback workflow fails with that ends with something undelivered.
const ErrTypeCallbackUndelivered = "CALLBACK_UNDELIVERED"

// CallbackSubject is the subject in the id of a Callback workflow.
func CallbackSubject(workflowID string) string {
	_, subject, _ := strings.Cut(workflowID, ":")
	return subject[:max(strings.LastIndexByte(subject, ':'), 0)]
}

// DrainSubscriber reads all that a subscriber is told, whatever the signals are called: their names and what they carry.
// It never yields to another coroutine.
func DrainSubscriber(ctx workflow.Context) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, name := range slices.Sorted(slices.Values(workflow.GetUnhandledSignalNames(ctx))) {
			for text := range (Signal[json.RawMessage]{name}).Receive(ctx).Drain() {
				if !yield(name, text) {
					return
				}
			}
		}
	}
}

// HasSubscriberSignals reports whether DrainSubscriber would read one.
func HasSubscriberSignals(ctx workflow.Context) bool {
	return len(workflow.GetUnhandledSignalNames(ctx)) > 0
}

// NewCallbackMessage makes a message of what a subscriber is told; ok is false where it is nothing to call back.
func NewCallbackMessage(signal string, data json.RawMessage, at time.Time) (m CallbackMessage, callKey string, ok bool) {
	kind, key, _ := strings.Cut(signal, ":")
	var told struct {
		CallKey  string `json:"callKey"`
		LegHash  string `json:"legHash"`
		ID       string `json:"id"`
		Revision int    `json:"revision"`
	}
	if json.Unmarshal(data, &told) != nil {
		return m, "", false
	}
	m = CallbackMessage{Type: kind, Thing: signal, Revision: told.Revision, At: at, Since: at, Data: data}
	switch kind {
	case CallbackOutbound, CallbackCall:
		return m, told.CallKey, true
	case CallbackRecording:
		m.Thing += "/" + cmp.Or(told.LegHash, told.ID)
		return m, "", true
	case CallbackMasking:
		return m, "", key != ""
	}
	return m, "", false
}

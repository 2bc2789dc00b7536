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

// WorkflowCallback posts to one URL all that is told about one subject: a request, a call or a masking session.
var WorkflowCallback = Workflow[CallbackInput, CallbackState]{"Callback"}

// Messages to a Callback workflow, beside those that every subscriber is told.
var (
	QueryCallback       = Query[CallbackState]{calls.QueryState}
	UpdateRetryCallback = Update[None, None](UpdateRetryNow)
)

// Activities of callbacks.
var (
	ActivityDeliverCallback = Activity[DeliverCallbackInput, None]{"DeliverCallback", TaskQueue}
	// ActivityHearRecordings subscribes a Callback to the recordings of a call.
	ActivityHearRecordings = Activity[calls.SubscribeRequest, calls.RecordingResult]{"HearRecordings", TaskQueue}
)

// Types of callbacks. Each is the prefix of the name of the signal that carries the same to a workflow.
const (
	CallbackOutbound  = "outbound-outcome"
	CallbackCall      = "call-outcome"
	CallbackRecording = "recording"
	CallbackMasking   = "masking-closed"
)

// CallbackInput starts a Callback workflow. URL is a secret. ContinueAsNew carries over the rest.
type CallbackInput struct {
	Subject   string            `json:"subject"` // id of the workflow that the callbacks are about
	URL       string            `json:"url"`
	Parties   []string          `json:"parties,omitempty"`   // keyed hashes of the subject's numbers
	Pending   []CallbackMessage `json:"pending,omitempty"`   // in the order in which they came
	Delivered []CallbackMark    `json:"delivered,omitempty"` // the last one of each thing
	Count     int               `json:"count,omitempty"`     // of all delivered messages
	Dropped   int               `json:"dropped,omitempty"`
	Heard     []string          `json:"heard,omitempty"` // calls whose recordings it is told
}

// CallbackMessage is one callback. Data carries no phone number.
type CallbackMessage struct {
	ID       string          `json:"id"` // the same at every try: header webhook-id
	Type     string          `json:"type"`
	Thing    string          `json:"thing"` // what it is about: messages about one thing go out in the order of their revisions
	Revision int             `json:"revision,omitempty"`
	At       time.Time       `json:"at"` // when we heard of it
	Data     json.RawMessage `json:"data"`
	Since    time.Time       `json:"since"`             // when tries began, or an operator began them again
	Late     bool            `json:"late,omitempty"`    // tries have failed for a while
	GivenUp  bool            `json:"givenUp,omitempty"` // no longer tried, until an operator retries it or more is told
	LastTry  *CallbackTry    `json:"lastTry,omitempty"` // the last failed try that the workflow heard of
}

// CallbackTry is the result of one try. Reason is one of package callbacks.
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

// CallbackState is the state and the result of a Callback workflow: its input, up to date.
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
	ErrTypeCallbackRefused = "CALLBACK_REFUSED" // the receiver did not accept it; retried
	ErrTypeCallbackGone    = "CALLBACK_GONE"    // the receiver wants no more callbacks; not retried
	ErrTypeCallbackBusy    = "CALLBACK_BUSY"    // it was not posted: enough is under way; retried
)

// ErrTypeCallbackUndelivered is the type of the error of a Callback workflow that ends with undelivered messages.
const ErrTypeCallbackUndelivered = "CALLBACK_UNDELIVERED"

// CallbackSubject returns the subject in the id of a Callback workflow.
func CallbackSubject(workflowID string) string {
	_, subject, _ := strings.Cut(workflowID, ":")
	return subject[:max(strings.LastIndexByte(subject, ':'), 0)]
}

// DrainSubscriber reads all signals to a subscriber, whatever their names: each with its name and payload. It never
// yields to another coroutine.
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

// HasSubscriberSignals reports whether DrainSubscriber would read a signal.
func HasSubscriberSignals(ctx workflow.Context) bool {
	return len(workflow.GetUnhandledSignalNames(ctx)) > 0
}

// NewCallbackMessage makes a message of a signal to a subscriber; ok is false if the signal is not called back.
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

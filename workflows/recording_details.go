package workflows

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/wording"
)

const adviceConsole = "The provider's console may still have the recording, depending on the service agreement."

// worthTelling reports whether the state is news for subscribers: stored, lost or in danger.
func (r *recording) worthTelling() bool {
	return r.state.Status != calls.RecordingPending || r.state.Alarm
}

// tell sends the state to all subscribers that wait for it. It counts subscribers that are gone; they are no error.
func (r *recording) tell(ctx workflow.Context) {
	r.tellCall(ctx)
	for len(r.untold) > 0 {
		var sent []sentSignal
		for _, s := range r.untold {
			sent = append(sent, tell(ctx, r.edition, s, contract.SignalRecording(r.state.CallKey), r.state))
		}
		r.untold = nil
		for _, s := range sent {
			s.record(ctx, nil, 0)
		}
	}
}

// callNews is what a call's workflow was told of a recording. It is empty while there is no trouble.
type callNews struct {
	status calls.RecordingStatus
	alarm  bool
}

// callOwed reports whether the call's workflow must be told of the recording: that it is in danger or lost, and what
// follows. A recording that is stored without trouble is not reported: that would cost every call events, and the API reads
// the store.
func (r *recording) callOwed() bool {
	now := callNews{r.state.Status, r.state.Alarm}
	trouble := r.state.Status != calls.RecordingStored && r.worthTelling()
	return r.state.MaskID == "" && now != r.callKnows && (trouble || r.callKnows != callNews{})
}

// tellCall sends the recording's state to the call's workflow, whose details show it.
func (r *recording) tellCall(ctx workflow.Context) {
	for r.callOwed() {
		r.callKnows = callNews{r.state.Status, r.state.Alarm}
		if !since(ctx, changeRecordingCall) {
			return
		}
		sent := tell(ctx, r.edition, calls.CallWorkflowID(r.state.CallKey), contract.SignalRecording(r.state.CallKey), r.state)
		if sent.result(ctx) == calls.NotifiedFailed { // a closed call needs no report
			workflow.GetLogger(ctx).Warn("the call was not told of its recording", "callKey", r.state.CallKey)
		}
	}
}

// show writes search attributes and current details for the operator, and counts stored and lost recordings.
func (r *recording) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, r.details())
	now := [2]string{string(r.state.Status)}
	switch {
	case r.state.Status == calls.RecordingMissing:
		now[1] = calls.AttentionRecordingMissing
	case r.state.Alarm:
		now[1] = calls.AttentionRecordingAlarm
	}
	if now == r.attributes {
		return
	}
	if now[0] != r.attributes[0] && r.state.Status != calls.RecordingPending {
		workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"status": now[0], "reason": r.state.Reason}).Counter("aftercall_recordings").Inc(1)
	}
	updates := []temporal.SearchAttributeUpdate{calls.AttributeRecordingStatus.ValueSet(now[0])}
	switch {
	case now[1] != "":
		updates = append(updates, calls.AttributeCallAttention.ValueSet(now[1]))
	case r.attributes[1] != "":
		updates = append(updates, calls.AttributeCallAttention.ValueUnset())
	}
	if !writeAttributes(ctx, updates...) {
		return
	}
	r.attributes = now
}

// details returns what an operator reads: what happened, what the recording waits for and what can be done. It holds no URL
// and no phone number.
func (r *recording) details() string {
	var b strings.Builder
	s := r.state
	fmt.Fprintf(&b, "**%s**", s.Status)
	if s.Status == calls.RecordingStored {
		fmt.Fprintf(&b, ": %d bytes of %s, SHA-256 `%s`.\n", s.SizeBytes, wording.Code(s.ContentType), s.SHA256)
		if s.Remark != "" {
			fmt.Fprintf(&b, "\n**Remark**: %s. The host sent only these bytes; listen to the recording before you rely on it.\n", s.Remark)
		}
		return b.String()
	}
	if s.Status != calls.RecordingPending {
		fmt.Fprintf(&b, ": %s, after %d tries. %s `aftercall recording retry` tries it once more.\n", s.Reason, s.Tries, s.Advice)
		return b.String()
	}
	if r.link.URL == "" {
		fmt.Fprintf(&b, ". The call was to be recorded, but no URL has arrived. Aftercall asks the call log until %s, hourly in the end. "+
			"Update `%s` asks at once.\n", operatorTime(s.Deadline), contract.UpdateRetryNow.Name)
		if s.Alarm {
			b.WriteString("\n**In danger**: check whether the provider has it, and whether recording is enabled there.\n")
		}
		return b.String()
	}
	if t := s.LastTry; t != nil {
		fmt.Fprintf(&b, ", last failure: %s", t.Reason)
		if t.HTTPStatus > 0 {
			fmt.Fprintf(&b, ", HTTP status %d", t.HTTPStatus)
		}
		fmt.Fprintf(&b, ", first at %s; the pending activity shows the last try", operatorTime(t.At))
	}
	fmt.Fprintf(&b, ".\n\nIts URL expires at %s. Aftercall retries until then, after at most %s, or hourly while its host denies it. Update `%s` retries at once.\n",
		operatorTime(s.Deadline), wording.Duration(recordingMaxBackoff), contract.UpdateRetryNow.Name)
	if s.Alarm {
		fmt.Fprintf(&b, "\n**In danger**: fix the cause now, or the recording will be lost. %s\n", cmp.Or(s.Advice, adviceConsole))
	}
	return b.String()
}

func operatorTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

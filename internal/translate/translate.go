// Package translate translates the provider's words, a notification or an entry of the call log, into our terms. It alone
// knows both. It decides nothing.
package translate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// EventFromNotification returns the event of a notification. receivedAt is when it arrived at the webhook.
func EventFromNotification(n unifonic.Notification, receivedAt time.Time) calls.StatusEvent {
	return calls.StatusEvent{
		EventKey: n.EventKey(), CallKey: calls.Key(n.Key()), Source: calls.SourceNotification, ReceivedAt: receivedAt.UTC(),
		Status: calls.Status(n.Status), RawStatus: n.RawStatus,
		CallID: n.CallID, CallSID: n.CallSID, ParentCallSID: n.ParentCallSID, UniqueCallID: n.UniqueCallID,
		ExternalCallsID: n.ExternalCallsID, Direction: n.Direction, From: n.From, To: n.To, DurationSeconds: n.DurationSeconds,
		InitiatedAt: n.InitiatedAt, CompletedAt: n.CompletedAt, RequestReceivedAt: n.RequestReceivedAt,
		UseCase: n.UseCase, FailureReason: n.FailureReason, RecordingURL: n.RecordingURL, MaskID: n.MaskID,
		ReferenceID: n.ReferenceID, SecondaryCallerID: n.SecondaryCallerID, CampaignID: n.CampaignID,
		ApplicationID: n.ApplicationID, AccountID: n.AccountID,
	}
}

// EventsFromCallLog returns the events of a call log response about the call with the key, one per entry. With an empty
// key it returns those of every call in it. The log is also asked by referenceId, under which the provider may hold
// several calls: entries of other calls are left out. key returns the key of an identifier. failoverOver says that the
// provider's time to fail over by itself has passed; it is set on the entries of every recipient without an open entry.
func EventsFromCallLog(callKey string, log unifonic.CallLog, readAt time.Time, failoverOver bool, key func(id string) string) []calls.StatusEvent {
	is := func(id string) bool { return callKey == calls.Key(id) || callKey == key(id) }
	var events []calls.StatusEvent
	open := map[string]bool{}
	for _, r := range log.Recipients {
		callID := cmp.Or(r.CallID, log.CallID)
		if callKey != "" && callID != "" && !is(callID) && !is(r.CallSID) {
			continue
		}
		e := calls.StatusEvent{
			CallKey: cmp.Or(callKey, key(cmp.Or(callID, r.CallSID))), Source: calls.SourceCallLog, ReceivedAt: readAt.UTC(),
			Status: calls.Status(r.Status), RawStatus: r.RawStatus, CallID: callID, CallSID: r.CallSID, ParentCallSID: r.ParentCallSID,
			From: r.From, To: r.To, DurationSeconds: r.DurationSeconds, RecordingURL: r.RecordingURL,
			ReferenceID: cmp.Or(r.ReferenceID, log.ReferenceID),
		}
		e.EventKey = logEventKey(e)
		open[e.To] = open[e.To] || !e.Status.Terminal()
		open[""] = open[""] || !e.Status.Terminal()
		events = append(events, e)
	}
	for i := range events {
		events[i].FailoverOver = failoverOver && !open[events[i].To]
		events[i].LogComplete = !open[""]
	}
	return events
}

// logEventKey returns the same key whenever an unchanged entry is read again.
func logEventKey(e calls.StatusEvent) string {
	duration := -1
	if e.DurationSeconds != nil {
		duration = *e.DurationSeconds
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any{e.CallID, e.CallSID, e.From, e.To, e.Status, e.RawStatus, duration, e.RecordingURL}))
	return "log-" + hex.EncodeToString(sum[:])
}

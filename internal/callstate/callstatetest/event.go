// Package callstatetest makes status events for tests.
package callstatetest

import (
	"time"

	"github.com/aftercall/aftercall/calls"
)

// Event is a notification of the outbound leg s1 of call c1, received at a time; edit makes it another one.
func Event(at time.Time, key string, status calls.Status, edit ...func(*calls.StatusEvent)) calls.StatusEvent {
	e := calls.StatusEvent{
		EventKey: key, CallKey: "c1", CallID: "c1", Source: calls.SourceNotification, ReceivedAt: at, Status: status,
		RawStatus: string(status), CallSID: "s1", Direction: calls.DirectionOutbound, From: "+966115219000", To: "+966500000001",
	}
	for _, f := range edit {
		f(&e)
	}
	return e
}

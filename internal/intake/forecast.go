package intake

import (
	"cmp"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/rules"
)

// Forecast says when a request that is new will be dialled first, if it has to wait so long in the dial queue: not before
// its time, and in its own hours and those of its class. late says that this is not before its deadline. Suppressions and
// earlier calls of the person are not looked at.
func (o Outbound) Forecast(r rules.Rules, now time.Time, wait time.Duration) (at time.Time, late bool) {
	due := now
	if nb := o.Request.NotBefore; nb != nil && nb.After(due) {
		due = *nb
	}
	due = o.nextOpen(r, due)
	at = now.Add(wait)
	if at.Before(due) { // by then the queue is another one
		at = due
	}
	at = o.nextOpen(r, at)
	limit := o.Deadline
	if o.Request.Deadline == "" { // it counts from when the attempt is due
		limit = due.Add(outbound.DefaultDeadline)
		if o.Request.Type == calls.CallTypeOTP {
			limit = due.Add(outbound.DefaultDeadlineOTP)
		}
	}
	if e := o.Request.Expiry; e != nil && e.Before(limit) {
		limit = *e
	}
	return at, !at.Before(limit)
}

// nextOpen is the first moment from a time on in which the request's hours and those of its class are open.
func (o Outbound) nextOpen(r rules.Rules, at time.Time) time.Time {
	var hours calls.CallingHours
	if h := o.Request.CallingHours; h != nil {
		hours = *h
	}
	if w, _, err := r.Next(hours, cmp.Or(o.Request.Class, calls.ClassService), at); err == nil && w.OpenAt.After(at) {
		return w.OpenAt
	}
	return at
}

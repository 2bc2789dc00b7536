package intake

import (
	"cmp"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/rules"
)

// Forecast returns when a new request will first be dialled, given its wait in the dial queue: not before its time, and
// within its own hours and those of its class. late means that this is not before its deadline. It ignores suppressions and
// earlier calls of the person.
func (o Outbound) Forecast(r rules.Rules, now time.Time, wait time.Duration) (at time.Time, late bool) {
	due := now
	if nb := o.Request.NotBefore; nb != nil && nb.After(due) {
		due = *nb
	}
	due = o.nextOpen(r, due)
	at = now.Add(wait)
	if at.Before(due) { // by then the queue has changed
		at = due
	}
	at = o.nextOpen(r, at)
	limit := o.Deadline
	if o.Request.Deadline == "" { // it counts from the time of the attempt
		limit = due.Add(outbound.DefaultDeadline)
		if o.Request.Type == calls.CallTypeOTP {
			limit = due.Add(outbound.DefaultDeadlineOTP)
		}
	}
	if e := o.Request.Expiry; e != nil && e.Before(limit) {
		limit = *e
	}
	if end := now.Add(MaxDeadline); end.Before(limit) { // no request lives longer
		limit = end
	}
	return at, !at.Before(limit)
}

// nextOpen returns the first moment at or after a time in which both the request's hours and those of its class are open.
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

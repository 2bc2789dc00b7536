package intake

import (
	"cmp"
	"strings"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// Priorities of a request: 1 is dialled before all others. A code that somebody waits for precedes reminders.
const (
	highestPriority = 1
	lowestPriority  = 5
	otpPriority     = 1
	usualPriority   = 3

	priorityRange = "must be 1 to 5"
)

// longestFairnessKey is Temporal's limit, in bytes.
const longestFairnessKey = 64

// turn checks the fields that decide who is dialled first. Operators see the fairness key.
func (e *Errors) turn(req calls.OutboundCallRequest) {
	if req.Priority != 0 && (req.Priority < highestPriority || req.Priority > lowestPriority) {
		e.add("priority", priorityRange)
	}
	switch {
	case req.FairnessKey == "":
	case !printable(req.FairnessKey, longestFairnessKey):
		e.add("fairnessKey", "must be at most 64 printable characters")
	case phone.Within(req.FairnessKey, req.To, req.CallerID, req.SecondaryCallerID):
		e.add("fairnessKey", "must not contain a phone number of this request: it is shown to operators")
	}
}

// Priority returns the request's priority: the lower, the sooner it is dialled.
func (o Outbound) Priority() int {
	def := usualPriority
	if o.Request.Type == calls.CallTypeOTP {
		def = otpPriority
	}
	return cmp.Or(o.Request.Priority, def)
}

// FairnessKey returns whose share of the dial rate the request uses.
func (o Outbound) FairnessKey() string {
	key := cmp.Or(o.Request.FairnessKey, o.Client)
	return strings.ToValidUTF8(key[:min(len(key), longestFairnessKey)], "")
}

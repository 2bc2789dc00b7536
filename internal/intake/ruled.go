package intake

import (
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/rules"
)

// Ruled is the fault of a request with what the rules have against it, which need not look at time and earlier calls. A
// request that was accepted under other rules may be repeated.
func (o Outbound) Ruled(r rules.Rules, fault error) error {
	errs := &Errors{}
	if known, ok := fault.(*Errors); ok { //nolint:errorlint // it is this package's own
		errs = known
	} else if fault != nil {
		return fault
	}
	q := rules.Request{To: o.Request.To, CallerID: o.Request.CallerID, Class: o.Request.Class, ConsentRef: o.Request.ConsentRef}
	errs.rule(r.Ask(q), "callerId")
	if o.Request.SecondaryCallerID != "" {
		q.CallerID = o.Request.SecondaryCallerID
		errs.rule(r.Ask(q), "secondaryCallerId")
	}
	return errs.orNil()
}

// Latest is when at the latest the request may be dialled. Where no deadline was asked for, hours, delays and rules may
// postpone it for as long as a request lives.
func (o Outbound) Latest(r rules.Rules) time.Time {
	req := o.Request
	postponed := req.CallingHours != nil || req.Class != "" || req.Retry != nil || req.NotBefore != nil || r.PersonRules()
	if req.Deadline == "" && postponed {
		return o.Deadline.Add(MaxDeadline)
	}
	return o.Deadline
}

// rule notes what a rule forbids, at the field that it looks at.
func (e *Errors) rule(d rules.Decision, caller string) {
	if d.Allowed() {
		return
	}
	field := map[string]string{calls.RulePrefix: "to", calls.RuleCallerID: caller, calls.RuleConsent: "consentRef"}[d.Rule]
	e.append(FieldError{Field: field, Message: "rule " + d.Rule + ": " + d.Reason, Rule: d.Rule, passed: true})
}

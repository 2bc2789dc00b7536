package intake

import (
	"errors"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/rules"
)

// Ruled adds to the errors of a request the rules that forbid it at any time. An accepted request may be repeated under
// changed rules.
func (o Outbound) Ruled(r rules.Rules, fault error) error {
	errs, fault := further(fault)
	if fault != nil {
		return fault
	}
	q := rules.Request{To: o.Request.To, CallerID: o.Request.CallerID, Class: o.Request.Class, ConsentRef: o.Request.ConsentRef}
	errs.against(r.Against(q), "callerId")
	if o.Request.SecondaryCallerID != "" {
		q.CallerID = o.Request.SecondaryCallerID
		errs.against(r.Against(q), "secondaryCallerId")
	}
	if h := o.Request.CallingHours; h != nil {
		if _, _, err := r.Next(*h, o.Request.Class, o.Deadline); errors.Is(err, rules.ErrNeverMeet) {
			errs.against([]rules.Decision{{Rule: calls.RuleClassHours, Reason: err.Error()}}, "")
		}
	}
	return errs.orNil()
}

// further are the faults so far, to which more may be added; other is a fault of another kind.
func further(fault error) (errs *Errors, other error) {
	if known, ok := fault.(*Errors); ok { //nolint:errorlint // the error comes from this package
		return known, nil
	}
	return &Errors{}, fault
}

// Callable is the fault of a request with what is against the URL that it wants to be called back at.
func (o Outbound) Callable(p URLPolicy, fault error) error {
	return callable(o.Request.Notify, p, fault)
}

// Callable is the fault of a request with what is against the URL that it wants to be called back at.
func (m Masking) Callable(p URLPolicy, fault error) error {
	return callable(m.Request.Notify, p, fault)
}

func callable(n *calls.Notify, p URLPolicy, fault error) error {
	errs, fault := further(fault)
	if fault != nil {
		return fault
	}
	errs.url(n, p)
	return errs.orNil()
}

// Latest returns the latest time at which the request may be dialled. Without a requested deadline, hours, delays and rules
// may postpone it for the longest life of a request.
func (o Outbound) Latest(r rules.Rules) time.Time {
	req := o.Request
	postponed := req.CallingHours != nil || req.Class != "" || req.Retry != nil || req.NotBefore != nil || r.PersonRules()
	if req.Deadline == "" && postponed {
		return o.Deadline.Add(MaxDeadline)
	}
	return o.Deadline
}

// against notes each rule's refusal at the field that the rule concerns.
func (e *Errors) against(all []rules.Decision, caller string) {
	fields := map[string]string{
		calls.RulePrefix: "to", calls.RuleCallerID: caller, calls.RuleConsent: "consentRef", calls.RuleClassHours: "callingHours",
	}
	for _, d := range all {
		e.append(FieldError{Field: fields[d.Rule], Message: "rule " + d.Rule + ": " + d.Reason, Rule: d.Rule, passed: true})
	}
}

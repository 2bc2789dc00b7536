package intake

import "time"

// Suppression is a request not to call a person.
type Suppression struct {
	Scope  string     `json:"scope"` // rules.ScopeAll, or a class of calls
	Reason string     `json:"reason,omitempty"`
	Until  *time.Time `json:"until,omitempty"` // absent: forever
}

// SuppressionJSON reads and checks the body of a suppression that begins now.
func SuppressionJSON(body []byte, now time.Time) (Suppression, error) {
	var (
		errs Errors
		s    Suppression
	)
	decode(body, &s, &errs)
	errs.form(s)
	if s.Until != nil {
		at := s.Until.UTC()
		s.Until = &at
		if !at.After(now) {
			errs.add("until", "must be in the future; to end a suppression, remove it")
		}
	}
	return s, errs.orNil()
}

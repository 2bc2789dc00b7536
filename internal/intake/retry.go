package intake

import (
	"strings"

	"github.com/aftercall/aftercall/internal/contract"
)

// longestReason is the longest reason of an operator.
const longestReason = 200

// RetryJSON reads the body of a request for one more attempt. The error is an *Errors that lists every invalid field.
func RetryJSON(body []byte) (contract.RetryNow, error) {
	var (
		errs Errors
		r    contract.RetryNow
	)
	decode(body, &r, &errs)
	if r.Attempt < 1 {
		errs.add("attempt", "must be the number of the last attempt, 1 or more; the new attempt follows it")
	}
	r.Reason = strings.TrimSpace(r.Reason)
	switch {
	case r.Reason == "":
		errs.add("reason", "is required: why another attempt is right")
	case len(r.Reason) > longestReason:
		errs.add("reason", "is too long")
	}
	return r, errs.orNil()
}

package intake

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

var (
	referenceForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)
	attemptForm   = regexp.MustCompile(`-a[0-9]+$`)
)

// HeaderIdempotencyKey is the HTTP header from which a referenceId is derived where the body has none.
const HeaderIdempotencyKey = "Idempotency-Key"

// IdempotencyKey is that header, and the referenceId that stands for it where a request has none of its own.
type IdempotencyKey struct{ Text, Reference string }

// reference settles the referenceId of a request and checks it against the rules for ids, which are seen by operators
// and hold no phone number.
func (e *Errors) reference(id *string, key IdempotencyKey, numbers ...string) {
	if key.Text != "" && !printable(key.Text, 255) {
		e.add(HeaderIdempotencyKey, "must be 1 to 255 printable characters")
		return
	}
	switch {
	case *id == "" && key.Text == "":
		e.add("referenceId", "is needed, or the header "+HeaderIdempotencyKey+": your own id of this request, which makes it safe to repeat")
	case *id == "":
		*id = key.Reference
	case !referenceForm.MatchString(*id):
		e.add("referenceId", "must be 1 to 64 of the characters A-Z a-z 0-9 . _ : -")
	case strings.HasPrefix(*id, calls.ForeignWorkflowPrefix):
		e.add("referenceId", "must not start with "+calls.ForeignWorkflowPrefix+"; name the workflow to be told in notify.workflowId")
	case attemptForm.MatchString(*id):
		e.add("referenceId", "must not end in -a and digits: attempts are numbered so")
	case phone.Holds(*id, numbers...):
		e.add("referenceId", "must not contain a phone number of this request: it is shown to operators")
	}
}

// notify checks the workflow that wants to be told.
func (e *Errors) notify(n *calls.Notify) {
	switch {
	case n == nil:
	case n.WorkflowID == "":
		e.add("notify.workflowId", "is needed: the id of the workflow to be told")
	case calls.OwnWorkflowID(n.WorkflowID):
		e.add("notify.workflowId", "must not be one of aftercall's own workflows")
	case !printable(n.WorkflowID, 1000):
		e.add("notify.workflowId", "must be at most 1000 printable characters")
	}
}

func printable(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

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

// HeaderIdempotencyKey is the HTTP header from which a missing referenceId is derived.
const HeaderIdempotencyKey = "Idempotency-Key"

// IdempotencyKey is the value of that header, and the referenceId that it gives to a request without one.
type IdempotencyKey struct{ Text, Reference string }

// reference determines and checks the referenceId of a request. Operators see ids, so they must hold no phone number.
func (e *Errors) reference(id *string, key IdempotencyKey, numbers ...string) {
	if key.Text != "" && !printable(key.Text, 255) {
		e.add(HeaderIdempotencyKey, "must be 1 to 255 printable characters")
		return
	}
	switch {
	case *id == "" && key.Text == "":
		e.add("referenceId", "is required, or the header "+HeaderIdempotencyKey+": your id of this request, which makes it safe to repeat")
	case *id == "":
		*id = key.Reference
	case !referenceForm.MatchString(*id):
		e.add("referenceId", "must be 1 to 64 of the characters A-Z a-z 0-9 . _ : -")
	case strings.HasPrefix(*id, calls.ForeignWorkflowPrefix):
		e.add("referenceId", "must not start with "+calls.ForeignWorkflowPrefix+"; name the workflow to notify in notify.workflowId")
	case attemptForm.MatchString(*id):
		e.add("referenceId", "must not end in -a<digits>: that suffix numbers attempts")
	case phone.Holds(*id, numbers...):
		e.add("referenceId", "must not contain a phone number of this request: it is shown to operators")
	}
}

// notify checks whom to notify.
func (e *Errors) notify(n *calls.Notify) {
	switch {
	case n == nil:
		return
	case n.WorkflowID == "" && n.URL == "":
		e.add("notify.workflowId", "is required, unless there is a notify.url: the id of the workflow to notify")
	case n.WorkflowID == "":
	case calls.OwnWorkflowID(n.WorkflowID), calls.CallbackWorkflow(n.WorkflowID):
		e.add("notify.workflowId", "must not be one of aftercall's own workflows")
	case !printable(n.WorkflowID, 1000):
		e.add("notify.workflowId", "must be at most 1000 printable characters")
	}
	if n.URL != "" && !printable(n.URL, 1000) {
		e.add("notify.url", "must be at most 1000 printable characters")
	}
}

// URLPolicy says why a URL will not be posted to, nil where it will: package callbacks has it.
type URLPolicy func(url string) error

// url notes what is against a URL. A request that was accepted under another policy may be repeated.
func (e *Errors) url(n *calls.Notify, p URLPolicy) {
	if n == nil || n.URL == "" || p == nil {
		return
	}
	if err := p(n.URL); err != nil {
		e.addPassed("notify.url", err.Error())
	}
}

func printable(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

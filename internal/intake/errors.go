// Package intake validates and completes requests of initiators: outbound calls, masking sessions, tracking. It reports all
// invalid fields at once, and returns requests with every default filled in. It does no IO, starts nothing, and puts no
// phone number into an error.
package intake

import (
	"slices"
	"strings"

	"github.com/aftercall/aftercall/internal/phone"
)

// FieldError names an invalid field and says what it must be.
type FieldError struct {
	Field   string `json:"field"`          // path in the JSON body, like failover.on[0]; empty for the body itself
	Message string `json:"message"`        // what it must be; never repeats the value
	Rule    string `json:"rule,omitempty"` // the rule that forbids it, one of calls.Rule…

	passed bool // the value was valid, but its time has passed or the rules changed
}

// Errors lists every invalid field, in the order of finding.
type Errors struct{ Fields []FieldError }

// Error joins the errors into one line.
func (e *Errors) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = strings.TrimSpace(f.Field + " " + f.Message)
	}
	return "invalid request: " + strings.Join(parts, "; ")
}

// OnlyTimePassed reports whether the request may have been valid earlier, and is invalid only because a time has passed or
// a rule forbids it. Then it may repeat an accepted request.
func (e *Errors) OnlyTimePassed() bool {
	return !slices.ContainsFunc(e.Fields, func(f FieldError) bool { return !f.passed })
}

// add notes an error. It keeps only the first error of a field, and an object's error stands for all of its fields.
func (e *Errors) add(field, message string) { e.append(FieldError{Field: field, Message: message}) }

// addPassed notes a time that has passed.
func (e *Errors) addPassed(field, message string) {
	e.append(FieldError{Field: field, Message: message, passed: true})
}

func (e *Errors) append(f FieldError) {
	f.Field = phone.Redact(f.Field)
	covered := func(known FieldError) bool {
		rest, inside := strings.CutPrefix(f.Field, known.Field)
		return inside && (rest == "" || known.Field == "" || rest[0] == '.' || rest[0] == '[')
	}
	if !slices.ContainsFunc(e.Fields, covered) {
		e.Fields = append(e.Fields, f)
	}
}

// orNil returns e, or nil if every field is valid.
func (e *Errors) orNil() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// Package intake validates and completes what initiators ask for: outbound calls, masking sessions, tracking. It
// reports every field at fault at once, and hands on requests in which nothing is left open. It does no IO, starts
// nothing, and puts no phone number into an error.
package intake

import (
	"slices"
	"strings"

	"github.com/aftercall/aftercall/internal/phone"
)

// FieldError says what is wrong with one field.
type FieldError struct {
	Field   string `json:"field"`          // path in the JSON body, like failover.on[0]; empty for the body itself
	Message string `json:"message"`        // what it must be; never repeats the value
	Rule    string `json:"rule,omitempty"` // that forbids it, one of calls.Rule…

	passed bool // nothing is wrong but that a time has passed, or that the rules changed
}

// Errors lists every field at fault, in the order in which they were found.
type Errors struct{ Fields []FieldError }

// Error joins the faults into one line.
func (e *Errors) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = strings.TrimSpace(f.Field + " " + f.Message)
	}
	return "invalid request: " + strings.Join(parts, "; ")
}

// OnlyTimePassed reports whether the request may have been fine once, and only a time in it is over by now or a rule
// forbids it: it may be the repetition of one that was accepted.
func (e *Errors) OnlyTimePassed() bool {
	return !slices.ContainsFunc(e.Fields, func(f FieldError) bool { return !f.passed })
}

// add notes a fault. The first fault of a field counts, and one of an object stands for all that is in it.
func (e *Errors) add(field, message string) { e.append(FieldError{Field: field, Message: message}) }

// addPassed notes a time that is over.
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

// orNil is the error to return: nil where nothing is at fault.
func (e *Errors) orNil() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

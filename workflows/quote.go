package workflows

import (
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/wording"
)

// quoted writes the words of somebody else into the details of a workflow: shown as they are, without phone numbers.
// numbers are those that are known of the matter.
func quoted(text string, numbers phone.Set) string {
	return wording.Code(callstate.WithoutNumbers(text, numbers))
}

// quotedID writes an identifier that somebody else chose, hashed where it holds one of the numbers.
func quotedID(id string, numbers phone.Set) string {
	return wording.Code(callstate.Hidden(id, numbers))
}

// quotedSID writes an identifier of the provider's, hashed where it tells a number, the call's or another.
func quotedSID(id string, numbers phone.Set) string {
	return wording.Code(callstate.HiddenID(id, numbers))
}

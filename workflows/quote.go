package workflows

import (
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/wording"
)

// quoted prepares foreign text for the details of a workflow: Markdown shows it literally, and its phone numbers are
// masked. numbers are the known numbers of the call.
func quoted(text string, numbers phone.Set) string {
	return wording.Code(callstate.WithoutNumbers(text, numbers))
}

// quotedID prepares a foreign identifier for the details. It hashes an identifier that holds one of the numbers.
func quotedID(id string, numbers phone.Set) string {
	return wording.Code(callstate.Hidden(id, numbers))
}

// quotedSID prepares the provider's identifier for the details. It hashes an identifier that holds any phone number.
func quotedSID(id string, numbers phone.Set) string {
	return wording.Code(callstate.HiddenID(id, numbers))
}

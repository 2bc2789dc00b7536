// Package calls is what business workflows and Go initiators import: the identifiers, messages and results of
// aftercall's workflows, and the two functions a business workflow needs, Await and Place.
//
// It imports nothing of aftercall and, outside the standard library, only the Temporal SDK. What this package sends to
// or returns in a business workflow carries no phone number, except where a type says so.
package calls

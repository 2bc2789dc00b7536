package callstate

import (
	"slices"
	"strings"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Attributes are what an operator can search for a call by.
func Attributes(s calls.CallState) contract.CallAttributes {
	numbers := Numbers(s)
	a := contract.CallAttributes{
		Status: string(StatusOf(s)), ReferenceID: RequestReference(AttributeReference(s)), MaskID: calls.Key(HiddenID(s.MaskID, numbers)),
	}
	if len(s.Attention) > 0 {
		a.Attention = s.Attention[0]
	}
	var sids []string
	size := 0
	for _, l := range slices.Backward(s.Legs) {
		if l.CallSID == "" {
			continue
		}
		sid := calls.Key(HiddenID(l.CallSID, numbers))
		if size += len(sid) + len(`"",`); size > maxCallSIDs {
			break
		}
		sids = append(sids, sid)
	}
	slices.Reverse(sids)
	a.CallSIDs, a.Parties = strings.Join(sids, " "), strings.Join(s.Parties, " ")
	return a
}

// maxCallSIDs is how many bytes of callSids are written into the search attribute: those of the newest legs, as many as
// fit. A call may have hundreds of legs, and the server terminates a workflow that writes more than 2,048 bytes into one
// attribute.
const maxCallSIDs = 1500

// RequestReference is the referenceId of the request that placed a call, so that one search finds all of them, or the
// call's own.
func RequestReference(ref string) string {
	if request, _, ok := calls.ParseAttemptReferenceID(ref); ok {
		return request
	}
	return ref
}

// StatusOf is the outcome's status, else the furthest that a leg has come.
func StatusOf(s calls.CallState) calls.Status {
	if s.Outcome != nil {
		return s.Outcome.Status
	}
	best := calls.StatusUnknown
	for _, l := range s.Legs {
		if l.Status.Rank() > best.Rank() {
			best = l.Status
		}
	}
	return best
}

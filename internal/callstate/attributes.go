package callstate

import (
	"slices"
	"strings"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Attributes returns the search attributes of a call.
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

// maxCallSIDs bounds the bytes of callSids in the search attribute, which holds the newest legs that fit. A call may have
// hundreds of legs, and the server terminates a workflow that writes more than 2,048 bytes into one attribute.
const maxCallSIDs = 1500

// RequestReference returns the referenceId of the request that placed a call, so that one search finds all its calls, or
// the call's own.
func RequestReference(ref string) string {
	if request, _, ok := calls.ParseAttemptReferenceID(ref); ok {
		return request
	}
	return ref
}

// StatusOf returns the outcome's status, or else the latest status of all legs.
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

package contract

import (
	"strings"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// CallAttributes are the search attributes of a Call workflow, except its key. Equal ones need not be written again.
type CallAttributes struct {
	Status, ReferenceID, MaskID, Attention string
	CallSIDs                               string // separated by spaces
	Parties                                string // likewise
}

// CallAttributesOf reads the attributes that a workflow has.
func CallAttributesOf(written temporal.SearchAttributes) CallAttributes {
	var a CallAttributes
	a.Status, _ = written.GetKeyword(calls.AttributeCallStatus)
	a.ReferenceID, _ = written.GetKeyword(calls.AttributeReferenceID)
	a.MaskID, _ = written.GetKeyword(calls.AttributeMaskID)
	a.Attention, _ = written.GetKeyword(calls.AttributeCallAttention)
	sids, _ := written.GetKeywordList(calls.AttributeCallSID)
	a.CallSIDs = strings.Join(sids, " ")
	parties, _ := written.GetKeywordList(calls.AttributePartyHash)
	a.Parties = strings.Join(parties, " ")
	return a
}

// Updates returns the updates that replace the attributes before with these. It leaves out unknown ones.
func (a CallAttributes) Updates(callKey string, before CallAttributes) []temporal.SearchAttributeUpdate {
	updates := []temporal.SearchAttributeUpdate{calls.AttributeCallID.ValueSet(callKey), calls.AttributeCallStatus.ValueSet(a.Status)}
	for _, set := range []struct {
		value string
		key   temporal.SearchAttributeKeyKeyword
	}{
		{a.ReferenceID, calls.AttributeReferenceID}, {a.MaskID, calls.AttributeMaskID}, {a.Attention, calls.AttributeCallAttention},
	} {
		if set.value != "" {
			updates = append(updates, set.key.ValueSet(set.value))
		}
	}
	if a.Attention == "" && before.Attention != "" {
		updates = append(updates, calls.AttributeCallAttention.ValueUnset())
	}
	if a.CallSIDs != "" {
		updates = append(updates, calls.AttributeCallSID.ValueSet(strings.Fields(a.CallSIDs)))
	}
	return append(updates, PartyAttribute(strings.Fields(a.Parties))...)
}

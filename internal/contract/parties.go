package contract

import (
	"slices"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// maxParties is how many hashes of numbers a workflow is found by: Temporal takes 2,048 bytes as one search attribute,
// and each of them needs 35.
const maxParties = 42

// JoinParties joins lists of keyed hashes of numbers: sorted, each once. Where there are too many it is
// calls.PartiesMany alone, whatever is joined to it later.
func JoinParties(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > maxParties || slices.Contains(all, calls.PartiesMany) {
		return []string{calls.PartiesMany}
	}
	return all
}

// PartyAttribute is the search attribute of the parties, as one of those that a workflow starts with or writes anyway;
// there is none where no party is known.
func PartyAttribute(parties []string) []temporal.SearchAttributeUpdate {
	if len(parties) == 0 {
		return nil
	}
	return []temporal.SearchAttributeUpdate{calls.AttributePartyHash.ValueSet(parties)}
}

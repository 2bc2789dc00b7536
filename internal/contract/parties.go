package contract

import (
	"slices"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// maxParties is how many hashes of numbers a workflow is found by: Temporal accepts 2,048 bytes per search attribute, and
// each hash needs 35.
const maxParties = 42

// JoinParties joins lists of keyed hashes of numbers: sorted, each once. If there are too many it returns
// calls.PartiesMany alone, whatever is joined to that later.
func JoinParties(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > maxParties || slices.Contains(all, calls.PartiesMany) {
		return []string{calls.PartiesMany}
	}
	return all
}

// PartyAttribute returns the search attribute of the parties, for a workflow that starts or writes attributes anyway. It
// returns nil if no party is known.
func PartyAttribute(parties []string) []temporal.SearchAttributeUpdate {
	if len(parties) == 0 {
		return nil
	}
	return []temporal.SearchAttributeUpdate{calls.AttributePartyHash.ValueSet(parties)}
}

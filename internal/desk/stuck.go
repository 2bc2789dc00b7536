package desk

import (
	"slices"

	"github.com/aftercall/aftercall/internal/contract"
)

// StuckQuery finds the workflows of ours whose workflow task keeps failing: the server notes that in a search attribute
// of its own. Everything that they received is acknowledged, and nothing comes of it until the cause is mended.
func StuckQuery() string {
	types := slices.Concat(contract.WorkflowTypes(), contract.NexusTypes())
	return `ExecutionStatus = "Running" AND TemporalReportedProblems IS NOT NULL AND WorkflowType IN (` + quoted(types) + ")"
}

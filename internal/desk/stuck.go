package desk

import (
	"slices"

	"github.com/aftercall/aftercall/internal/contract"
)

// StuckQuery finds our workflows whose workflow task keeps failing; the server notes that in a search attribute of its
// own. Everything they received is acknowledged, but they do nothing until the cause is fixed.
func StuckQuery() string {
	types := slices.Concat(contract.WorkflowTypes(), contract.NexusTypes())
	return `ExecutionStatus = "Running" AND TemporalReportedProblems IS NOT NULL AND WorkflowType IN (` + quoted(types) + ")"
}

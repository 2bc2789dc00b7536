package desk

import (
	"fmt"
	"strings"

	"github.com/aftercall/aftercall/internal/contract"
)

// StuckQuery finds the workflows of ours whose workflow task keeps failing: the server notes that in a search attribute
// of its own. Everything that they received is acknowledged, and nothing comes of it until the cause is mended.
func StuckQuery() string {
	var types []string
	for _, name := range contract.WorkflowTypes() {
		types = append(types, fmt.Sprintf("%q", name))
	}
	return fmt.Sprintf(`ExecutionStatus = "Running" AND TemporalReportedProblems IS NOT NULL AND WorkflowType IN (%s)`, strings.Join(types, ", "))
}

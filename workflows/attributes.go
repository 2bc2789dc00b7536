package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// writeAttributes writes search attributes, and reports whether it succeeded. They only help to find a workflow, so a
// failure is logged, and the next change writes them again.
func writeAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) bool {
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes were not written", "error", err)
		return false
	}
	return true
}

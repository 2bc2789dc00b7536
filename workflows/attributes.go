package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// writeAttributes writes search attributes, and reports whether that worked. They are for finding a workflow: one that
// cannot be written is logged, and written with the next change.
func writeAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) bool {
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes were not written", "error", err)
		return false
	}
	return true
}

package starter

import (
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// MaskingSessionOptions are the start options of the MaskingSession workflow of a mask. A session that is over is not
// started a second time while Temporal remembers it: its story has been told.
func MaskingSessionOptions(maskID string) client.StartWorkflowOptions {
	return options(calls.MaskingSessionWorkflowID(maskID), "Masking session "+calls.Key(maskID),
		temporal.NewSearchAttributes(calls.AttributeMaskID.ValueSet(calls.Key(maskID))))
}

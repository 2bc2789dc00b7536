package activities_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// signalDesk is a desk whose signals come to what the test says.
type signalDesk struct {
	err  error
	sent []any
}

func (d *signalDesk) Signal(_ context.Context, workflowID, signal string, payload any) error {
	d.sent = append(d.sent, workflowID, signal, payload)
	return d.err
}

func TestTell(t *testing.T) {
	in := contract.TellInput{WorkflowID: "order-1", Signal: "call-outcome:c1", Payload: json.RawMessage(`{"revision":1}`)}
	for name, row := range map[string]struct {
		err    error
		result string
	}{
		"told":                  {nil, calls.NotifiedTold},
		"gone":                  {desk.ErrUnknown, calls.NotifiedNotFound},
		"will never take it":    {desk.ErrRejected, calls.NotifiedFailed},
		"away, so tried again":  {desk.ErrAway, ""},
		"refuses, tried too":    {desk.ErrMisconfigured, ""},
		"no namespace is there": {desk.ErrNoNamespace, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &signalDesk{err: row.err}
			out, err := (&activities.Messages{Desk: d}).Tell(t.Context(), in)
			require.Equal(t, row.result, out.Result)
			if row.result == "" {
				require.ErrorIs(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, []any{"order-1", "call-outcome:c1", json.RawMessage(`{"revision":1}`)}, d.sent)
		})
	}
}

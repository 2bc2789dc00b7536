package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
)

func TestClassify(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want dispatch.Class
	}{
		"no error":                 {nil, dispatch.None},
		"away":                     {desk.ErrAway, dispatch.Transient},
		"what nobody has heard of": {errors.New("what is this?"), dispatch.Transient},
		"misconfigured":            {desk.ErrMisconfigured, dispatch.Configuration},
		"never taken":              {desk.ErrRejected, dispatch.Permanent},
		"unknown":                  {desk.ErrUnknown, dispatch.Permanent},
		"rejected by us":           {dispatch.Reject(inbox.ReasonLate, context.DeadlineExceeded), dispatch.Permanent},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, dispatch.Classify(row.err))
			if row.err != nil {
				require.Equal(t, row.want, dispatch.Classify(fmt.Errorf("deliver: %w", row.err)), "wrapped")
			}
		})
	}
}

package app_test

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/internal/app"
)

// oldNamespace is a Temporal with three requests, all from long ago.
type oldNamespace struct{ *frontend }

func (oldNamespace) CountWorkflowExecutions(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	if strings.HasPrefix(r.GetQuery(), `WorkflowType = "OutboundCall" AND StartTime < `) {
		return &workflowservice.CountWorkflowExecutionsResponse{Count: 3}, nil
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

// TestALedgerThatIsNewerThanRequestsIsTold: a volume that is not mounted looks like an empty ledger.
func TestALedgerThatIsNewerThanRequestsIsTold(t *testing.T) {
	var log lockedBuffer
	o := options(t, nil)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	f := newFrontend()
	o.Temporal.HostPort = serveTemporal(t, f, oldNamespace{f})
	start(t, o, app.Worker)
	said := regexp.MustCompile(`level=ERROR msg="the dial ledger is newer than requests .* where=.*/dials made=.* requests=3\n`)
	require.Eventually(t, func() bool { return said.MatchString(log.String()) }, 30*time.Second, 10*time.Millisecond)
}

package app_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/inbox"
)

// slowFrontend is a Temporal that takes a signal only when it is told to.
type slowFrontend struct {
	*frontend
	asked, take chan struct{}
}

func (f *slowFrontend) SignalWithStartWorkflowExecution(context.Context, *workflowservice.SignalWithStartWorkflowExecutionRequest) (*workflowservice.SignalWithStartWorkflowExecutionResponse, error) {
	f.asked <- struct{}{}
	<-f.take
	return &workflowservice.SignalWithStartWorkflowExecutionResponse{RunId: "r"}, nil
}

// TestTheInboxOutlivesTheDispatcher holds that a delivery which is under way when everything stops is written down as
// done: closed before, the inbox would have it delivered again.
func TestTheInboxOutlivesTheDispatcher(t *testing.T) {
	f := &slowFrontend{frontend: newFrontend(), asked: make(chan struct{}, 1), take: make(chan struct{})}
	o := options(t, nil)
	o.Temporal.HostPort = serveTemporal(t, f.frontend, f)
	a, err := app.Start(t.Context(), o, app.Serve)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	<-f.asked
	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + a.Addresses().HTTP + "/healthz")
		if err == nil {
			_ = res.Body.Close()
		}
		return err != nil
	}, 30*time.Second, 5*time.Millisecond, "it stops")
	close(f.take)
	require.NoError(t, <-stopped)

	in, err := inbox.Open(t.Context(), o.Config.InboxURL, inbox.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	st, err := in.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, st.Pending)
}

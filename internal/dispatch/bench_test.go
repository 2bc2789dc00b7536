package dispatch_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/temporalclient"
	"github.com/aftercall/aftercall/internal/unifonic"
	"github.com/aftercall/aftercall/internal/unifonic/unifonictest"
)

// anything is a Temporal that accepts every signal.
type anything struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (anything) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (anything) SignalWithStartWorkflowExecution(context.Context, *workflowservice.SignalWithStartWorkflowExecutionRequest) (*workflowservice.SignalWithStartWorkflowExecutionResponse, error) {
	return &workflowservice.SignalWithStartWorkflowExecutionResponse{RunId: "run"}, nil
}

// BenchmarkDeliver measures one notification from the inbox's bytes to Temporal's answer, over gRPC on this machine, with
// encryption and hashes of numbers, and without.
func BenchmarkDeliver(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, anything{})
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(b, err)
	item := inbox.Item{Notification: inbox.Notification{Body: unifonictest.Notification("0f5b7c1e-7f0c-4f6e-8b0a-1c9ebf6add62", nil), ReceivedAt: time.Now()}}
	for name, ring := range map[string]*keys.Ring{"sealed": ring, "clear": nil} {
		b.Run(name, func(b *testing.B) {
			c, err := temporalclient.New(client.Options{HostPort: l.Addr().String()}, ring, nil, slog.New(slog.DiscardHandler), nil)
			require.NoError(b, err)
			defer c.Close()
			d := &dispatch.CallDeliverer{Desk: desk.New(c, desk.Settings{Names: ids.Namer{Hash: ring.Hash()}}), Parser: unifonic.Parser{}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Deliver(b.Context(), item); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

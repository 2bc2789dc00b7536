package temporalclient

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ForClock returns options for workers on a machine whose clock may be ahead of Temporal's. The SDK adds an activity's
// schedule-to-close timeout to the time at which Temporal scheduled it, and compares the sum with the machine's clock. If
// the clock is ahead by more than the timeout, each try expires before it begins and its result is dropped. So ForClock
// lengthens the timeout that the worker receives by the clock's lead. Temporal itself still keeps the true timeout.
func ForClock(o client.Options, ahead func() time.Duration) client.Options {
	lengthen := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		task, ok := reply.(*workflowservice.PollActivityTaskQueueResponse)
		if by := ahead(); err == nil && ok && by > 0 && task.GetScheduleToCloseTimeout().AsDuration() > 0 {
			task.ScheduleToCloseTimeout = durationpb.New(task.GetScheduleToCloseTimeout().AsDuration() + by)
		}
		return err
	}
	o.ConnectionOptions.DialOptions = append(slices.Clip(o.ConnectionOptions.DialOptions), grpc.WithChainUnaryInterceptor(lengthen))
	return o
}

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

// ForClock are options for workers on a machine whose clock may be ahead of Temporal's. The SDK adds the time that an
// activity has in all to when Temporal scheduled it, and compares that with the machine's clock: where the clock is ahead
// by more, each try is over before it begins, and whatever it finds is thrown away. Such a machine is told that the
// activity has so much longer. Temporal holds to the true time by itself.
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

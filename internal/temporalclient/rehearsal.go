package temporalclient

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

// Rehearsal returns options of a client that only reads. It does not send a request that would change something, and treats
// it as done. It shows a namespace that it would create as empty. It does not show what Temporal would refuse.
func Rehearsal(o client.Options) client.Options {
	var made atomic.Bool
	only := func(ctx context.Context, method string, req, reply any, c *grpc.ClientConn, send grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		name := path.Base(method)
		looks := slices.ContainsFunc([]string{"Get", "Describe", "List", "Count", "Check"}, func(verb string) bool { return strings.HasPrefix(name, verb) })
		if name == "RegisterNamespace" {
			made.Store(true)
		}
		if !looks || made.Load() && name != "GetSystemInfo" {
			return nil
		}
		return send(ctx, method, req, reply, c, opts...)
	}
	o.ConnectionOptions.DialOptions = append(slices.Clip(o.ConnectionOptions.DialOptions), grpc.WithChainUnaryInterceptor(only))
	return o
}

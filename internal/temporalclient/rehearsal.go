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

// Rehearsal returns options of a client that only looks: what would change something is not sent, and taken for done. A
// namespace that it would make is an empty one to it. What Temporal would refuse does not show.
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

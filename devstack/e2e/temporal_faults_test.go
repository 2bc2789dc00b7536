package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/contract"
)

const methodSignal = "SignalWithStartWorkflowExecution" // of a delivery

// fault stands in the way of one request to Temporal, which pass makes.
type fault func(ctx context.Context, method string, pass func() error) error

// faultyFrontend stands before a Temporal and has its faults.
type faultyFrontend struct {
	address string
	behind  *grpc.ClientConn

	mu         sync.Mutex
	fault      fault
	under      int // deliveries under way
	mostUnder  int
	deliveries int
}

func serveFaulty(t *testing.T, behind string) *faultyFrontend {
	t.Helper()
	conn, err := grpc.NewClient(behind, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &faultyFrontend{address: l.Addr().String(), behind: conn}
	s := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(f.forward), grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return f
}

// set replaces the fault; nil is none. It counts deliveries anew.
func (f *faultyFrontend) set(to fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.mostUnder, f.deliveries = to, f.under, 0
}

func (f *faultyFrontend) seen() (deliveries, mostAtOnce int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deliveries, f.mostUnder
}

// enter returns the fault of a request, and counts it until leave is called.
func (f *faultyFrontend) enter(method string) (fault, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if method != methodSignal {
		return f.fault, func() {}
	}
	f.deliveries++
	f.under++
	f.mostUnder = max(f.mostUnder, f.under)
	return f.fault, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.under--
	}
}

func (f *faultyFrontend) forward(_ any, stream grpc.ServerStream) error {
	full, ok := grpc.MethodFromServerStream(stream)
	if !ok {
		return errors.New("a call without a method")
	}
	var request, answer []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	meta, _ := metadata.FromIncomingContext(stream.Context())
	pass := func() error {
		return f.behind.Invoke(metadata.NewOutgoingContext(stream.Context(), meta), full, &request, &answer, grpc.ForceCodec(raw{}),
			grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20))
	}
	fault, leave := f.enter(path.Base(full))
	defer leave()
	err := error(nil)
	if fault == nil {
		err = pass()
	} else {
		err = fault(stream.Context(), path.Base(full), pass)
	}
	if err != nil {
		return err
	}
	return stream.SendMsg(&answer)
}

// silence answers when the client no longer waits.
func silence(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// losesAnswers returns a fault that lets each delivery pass, and loses the answers to the first n.
func losesAnswers(n int64) fault {
	var lost atomic.Int64
	return func(ctx context.Context, method string, pass func() error) error {
		err := pass()
		if method == methodSignal && lost.Add(1) <= n {
			return silence(ctx)
		}
		return err
	}
}

// TestNotificationsOutliveFaultsOfTemporal: whatever Temporal does to requests, each notification is answered at once, and
// has had its effect once when Temporal is well again.
func TestNotificationsOutliveFaultsOfTemporal(t *testing.T) {
	server, err := temporalserver.Start(t.Context(), temporalserver.Options{
		DataFile: filepath.Join(t.TempDir(), "temporal.db"), SinglePartition: contract.TaskQueues(),
		SearchAttributes: temporalserver.AttributeTypes(calls.SearchAttributes()),
	})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	f := serveFaulty(t, server.HostPort())
	s := start(t, func(o *stack.Options) {
		o.OutsideTemporal = &client.Options{HostPort: f.address, Namespace: server.Namespace()}
	})

	play := func(name string, n int) (ids []string) {
		for i := range n {
			ids = append(ids, newID(fmt.Sprint(name, i)))
			for _, said := range []string{"RINGING", "COMPLETED"} {
				require.Equal(t, http.StatusOK, notify(t, s, notification(ids[i], map[string]any{"status": said})))
			}
		}
		return ids
	}
	check := func(t *testing.T, ids []string) {
		t.Helper()
		for _, id := range ids {
			state := awaitFinal(t, s, id)
			require.Len(t, state.Legs, 1)
			require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
		}
		require.Zero(t, metric(t, s, "aftercall_dead_letters"))
	}

	t.Run("F6 slow, and failing now and then", func(t *testing.T) {
		var mu sync.Mutex
		n := 0
		f.set(func(ctx context.Context, method string, pass func() error) error {
			mu.Lock()
			n++
			fails := n%3 == 0
			mu.Unlock()
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			if fails && method == methodSignal {
				return status.Error(codes.ResourceExhausted, "busy")
			}
			return pass()
		})
		ids := play("slow", 10)
		check(t, ids)
		f.set(nil)
	})

	t.Run("F8 the answer is lost", func(t *testing.T) {
		id := newID("lost")
		for i, said := range []string{"RINGING", "COMPLETED"} {
			f.set(losesAnswers(2))
			require.Equal(t, http.StatusOK, notify(t, s, notification(id, map[string]any{"status": said})))
			require.Eventually(t, func() bool { return metric(t, s, "aftercall_inbox_pending") == 0 }, time.Minute, 100*time.Millisecond)
			_, state := getCall(t, s, id, "")
			require.Equal(t, i+1, state.Revision, "%s came three times and has its effect once", said)
		}
		f.set(nil)
		check(t, []string{id})
		signals := 0
		for _, e := range events(t, s, calls.CallWorkflowID(id)) {
			if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
				signals++
			}
		}
		require.GreaterOrEqual(t, signals, 6, "each came three times, in requests of their own")
		require.Equal(t, 2, awaitFinal(t, s, id).Revision, "what came again changed nothing")
	})

	t.Run("F9 no answer at all", func(t *testing.T) {
		f.set(func(ctx context.Context, _ string, _ func() error) error { return silence(ctx) })
		ids := play("silent", 20)
		require.EqualValues(t, 2*len(ids), metric(t, s, "aftercall_inbox_pending"))
		require.Eventually(t, func() bool { n, _ := f.seen(); return n > 8 }, time.Minute, 100*time.Millisecond, "deliveries have a deadline, and are tried again")
		_, most := f.seen()
		// One whose deadline is over may still be leaving when the next one enters.
		require.LessOrEqual(t, most, 2*s.Config().DispatchConcurrency, "deliveries do not pile up")
		f.set(nil)
		check(t, ids)
	})
}

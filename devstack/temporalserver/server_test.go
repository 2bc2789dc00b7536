package temporalserver_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/devstack/temporalserver"
)

const (
	queue  = "collect"
	signal = "word"
)

var colour = temporal.NewSearchAttributeKeyKeyword("Colour")

// collect returns the first two words that it receives.
func collect(ctx workflow.Context) (string, error) {
	var first, second string
	words := workflow.GetSignalChannel(ctx, signal)
	words.Receive(ctx, &first)
	words.Receive(ctx, &second)
	return first + " " + second, nil
}

func start(t *testing.T, options temporalserver.Options) *temporalserver.Server {
	t.Helper()
	began := time.Now()
	server, err := temporalserver.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
	return server
}

func dial(t *testing.T, hostPort string) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: hostPort, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func work(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(collect)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

func tell(t *testing.T, c client.Client, id, word string) client.WorkflowRun {
	t.Helper()
	options := client.StartWorkflowOptions{
		TaskQueue:             queue,
		TypedSearchAttributes: temporal.NewSearchAttributes(colour.ValueSet("green")),
	}
	run, err := c.SignalWithStartWorkflow(t.Context(), id, signal, word, options, collect)
	require.NoError(t, err)
	return run
}

func result(t *testing.T, run client.WorkflowRun) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var words string
	require.NoError(t, run.Get(ctx, &words))
	return words
}

func withColour(options temporalserver.Options) temporalserver.Options {
	options.SearchAttributes = temporalserver.AttributeTypes([]temporal.SearchAttributeKey{colour})
	return options
}

func TestInMemory(t *testing.T) {
	server := start(t, withColour(temporalserver.Options{
		UI: true, UICodecEndpoint: "http://127.0.0.1:1/codec", SinglePartition: []string{queue},
	}))
	c := dial(t, server.HostPort())
	work(t, c)

	t.Run("runs workflows", func(t *testing.T) {
		tell(t, c, "w", "hello")
		require.Equal(t, "hello world", result(t, tell(t, c, "w", "world")))
	})
	t.Run("finds them by search attribute", func(t *testing.T) {
		require.Eventually(t, func() bool {
			answer, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
				Query: "Colour = 'green'",
			})
			return err == nil && answer.Count == 1
		}, 30*time.Second, 50*time.Millisecond)
	})
	t.Run("keeps closed workflows for 30 days", func(t *testing.T) {
		answer, err := c.WorkflowService().DescribeNamespace(t.Context(),
			&workflowservice.DescribeNamespaceRequest{Namespace: server.Namespace()})
		require.NoError(t, err)
		require.Equal(t, 30*24*time.Hour, answer.Config.WorkflowExecutionRetentionTtl.AsDuration())
	})
	t.Run("has one partition where asked", func(t *testing.T) {
		for name, want := range map[string]int{queue: 1, "another": 4} {
			require.Equal(t, want, partitions(t, server, name), name)
		}
	})
	t.Run("serves the UI", func(t *testing.T) {
		for _, path := range []string{"/", "/api/v1/settings", "/api/v1/namespaces/default"} {
			response, err := http.Get(server.UIURL() + path)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode, path)
		}
	})
	t.Run("is healthy until it stops", func(t *testing.T) {
		require.NoError(t, server.Check(t.Context()))
		require.NoError(t, server.CheckUI(t.Context()))
		server.Stop()
		require.Error(t, server.Check(t.Context()))
		require.Error(t, server.CheckUI(t.Context()))
	})
}

func TestServersInMemoryAreApart(t *testing.T) {
	one, other := start(t, withColour(temporalserver.Options{})), start(t, withColour(temporalserver.Options{}))
	run := tell(t, dial(t, one.HostPort()), "w", "hello")
	_, err := dial(t, other.HostPort()).DescribeWorkflowExecution(t.Context(), run.GetID(), "")
	require.ErrorContains(t, err, "not found")
}

func TestDynamicConfig(t *testing.T) {
	server := start(t, withColour(temporalserver.Options{
		DynamicConfig: map[string]any{"history.maximumSignalsPerExecution": 2},
	}))
	c := dial(t, server.HostPort())
	run := tell(t, c, "w", "hello")
	require.NoError(t, c.SignalWorkflow(t.Context(), run.GetID(), "", signal, "world"))
	err := c.SignalWorkflow(t.Context(), run.GetID(), "", signal, "too much")
	require.ErrorContains(t, err, "exceeded workflow execution limit for signal events")
}

// TestRestartInPlace: existing clients keep working after a stop and a start on the same port and file.
func TestRestartInPlace(t *testing.T) {
	server := start(t, withColour(temporalserver.Options{DataFile: filepath.Join(t.TempDir(), "with space?.db")}))
	c := dial(t, server.HostPort())
	work(t, c)
	run := tell(t, c, "w", "hello")

	server.Stop()
	again := start(t, server.Options())
	require.Equal(t, server.HostPort(), again.HostPort())
	require.NoError(t, c.SignalWorkflow(t.Context(), run.GetID(), "", signal, "again"))
	require.Equal(t, "hello again", result(t, run))
}

func TestNewSearchAttributeInOldFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.db")
	start(t, temporalserver.Options{DataFile: file}).Stop()
	require.NoError(t, os.Chmod(file, 0o644)) // as earlier releases left it

	server := start(t, withColour(temporalserver.Options{DataFile: file}))
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody else reads it")
	}
	tell(t, dial(t, server.HostPort()), "w", "hello") // refused while the attribute is unknown
	server.Stop()

	_, err := temporalserver.Start(t.Context(), temporalserver.Options{
		DataFile:         file,
		SearchAttributes: map[string]enums.IndexedValueType{"Colour": enums.INDEXED_VALUE_TYPE_INT},
	})
	require.ErrorContains(t, err, "search attribute Colour is of type Keyword")
}

func TestPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port

	for what, options := range map[string]temporalserver.Options{
		"Temporal":    {GRPCPort: port},
		"Temporal UI": {UI: true, UIPort: port},
	} {
		_, err := temporalserver.Start(t.Context(), options)
		var taken *temporalserver.PortTakenError
		require.ErrorAs(t, err, &taken)
		require.Equal(t, what, taken.What)
		require.Equal(t, port, taken.Port)
	}
}

func TestUnusableFile(t *testing.T) {
	_, err := temporalserver.Start(t.Context(), temporalserver.Options{
		DataFile: filepath.Join(t.TempDir(), "missing", "temporal.db"),
	})
	require.ErrorContains(t, err, "create database")
}

func TestSpareHeapDelaysCollections(t *testing.T) {
	goal := func() uint64 {
		runtime.GC()
		s := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	plain := start(t, temporalserver.Options{})
	before := goal()
	plain.Stop()
	server := start(t, temporalserver.Options{SpareHeap: true})
	require.Greater(t, goal(), before+100<<20)
	server.Stop() // it is alive until here
}

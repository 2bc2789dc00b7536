package dev

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// Beside is an existing Temporal, like that of `temporal server start-dev`. It is not ours: we start and stop without
// it.
type Beside struct{ address, namespace, ui string }

// answerWait is how long that Temporal may take to respond when we start.
const answerWait = 10 * time.Second

// uiAbove is the distance from a dev server's port to that of its UI, by default.
const uiAbove = 1000

// Flags adds the flags that say where it is.
func (b *Beside) Flags(set *flag.FlagSet, _ *Flags) {
	set.StringVar(&b.address, "temporal", "127.0.0.1:7233", "`address` of the Temporal that is there")
	set.StringVar(&b.namespace, "namespace", "default", "its namespace to work in, made where it is missing")
	set.StringVar(&b.ui, "ui", "", "`URL` of its web UI, which may then have payloads decrypted; default: on this machine, as a dev server has it")
}

// Ports returns none.
func (*Beside) Ports(*Flags) []Port { return nil }

// Data returns a folder for this namespace: our data belongs to the workflows in it. A dev server that forgets them when it
// stops comes back with another namespace of the same name.
func (b *Beside) Data(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	c, err := temporalclient.New(b.target(), nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return "", err
	}
	defer c.Close()
	id, err := b.namespaceID(ctx, c)
	if desk.Means(err, desk.ErrNoNamespace) {
		nobody := func(string) {}
		if err = app.Setup(ctx, config.Default(), b.target(), app.SetupOptions{NexusEndpoint: calls.NexusEndpoint}, nobody, nobody); err == nil {
			id, err = b.namespaceID(ctx, c)
		}
	}
	if err != nil {
		return "", fmt.Errorf("no Temporal answers at %s: start it (temporal server start-dev), or name another: %w", b.address, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("name a folder with --data: %w", err)
	}
	return filepath.Join(cache, "aftercall-beside", id), nil
}

func (b *Beside) namespaceID(ctx context.Context, c client.Client) (string, error) {
	d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: b.namespace})
	return d.GetNamespaceInfo().GetId(), err
}

func (b *Beside) target() client.Options {
	return client.Options{HostPort: b.address, Namespace: b.namespace}
}

// Start starts everything beside Temporal. It refuses a namespace with the workflows of another aftercall: our workers
// would get their tasks, and place their calls with the simulator.
func (b *Beside) Start(ctx context.Context, o Options, _ string) (*Stack, func() error, error) {
	s := New(o)
	connect := func(ctx context.Context) error { return s.Connect(ctx, b.target()) }
	mine := func(context.Context) error {
		if s.Keys().Missing() == nil {
			return nil
		}
		return fmt.Errorf("namespace %s of %s is that of another aftercall, with keys of its own: choose another with --namespace, or its folder with --data", b.namespace, b.address)
	}
	show := func(ctx context.Context) error {
		s.ShowIn(b.uiURL())
		return s.PinCodec(ctx)
	}
	for _, start := range []func(context.Context) error{connect, mine, s.Setup, show, s.StartSimulator, s.StartApp, s.AwaitReady} {
		if err := start(ctx); err != nil {
			return nil, nil, errors.Join(err, s.Stop()) //nolint:contextcheck // what has ended must still be stopped
		}
	}
	return s, s.Stop, nil
}

// uiURL returns the URL of its web UI, or the likeliest one.
func (b *Beside) uiURL() string {
	if b.ui != "" {
		return b.ui
	}
	host, text, err := net.SplitHostPort(b.address)
	port, numberErr := strconv.Atoi(text)
	if err != nil || numberErr != nil {
		return ""
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port+uiAbove))
}

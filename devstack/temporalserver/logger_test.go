package temporalserver

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// eager counts how often it is made for attributes.
type eager struct {
	slog.Handler
	made *int
}

func (e eager) WithAttrs(attrs []slog.Attr) slog.Handler {
	*e.made++
	return eager{e.Handler.WithAttrs(attrs), e.made}
}

func (e eager) Handle(ctx context.Context, r slog.Record) error { return e.Handler.Handle(ctx, r) }

func TestALoggerWithTagsCostsNothingUntilItLogs(t *testing.T) {
	var out bytes.Buffer
	made := 0
	l := newLogger(slog.New(eager{slog.NewTextHandler(&out, nil), &made}))
	first := made
	one := log.With(l, tag.WorkflowID("w1"))
	two, three := log.With(one, tag.WorkflowRunID("r2")), log.With(one, tag.WorkflowRunID("r3"))
	three.Info("dropped")
	require.Equal(t, first, made)
	two.Error("broken", tag.Error(errors.New("why")))
	require.Contains(t, out.String(), "broken")
	for _, want := range []string{"component=temporal", "wf-id=w1", "wf-run-id=r2", "error=why"} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "r3")
}

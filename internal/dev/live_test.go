package dev

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/unifonic"
)

func TestLiveLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := &live{out: &out, seen: map[string]string{}}
	var o Options
	l.hear(&o)
	o.Simulator.OnCallAccepted(simulator.Call{CallID: "8a6e0804-2bd0-4672-b79d-d97027f9071a", To: "+966500000005", ReferenceID: "order-1-a1"})
	o.Heard(unifonic.Notification{CallID: "8a6e0804-2bd0-4672-b79d-d97027f9071a", To: "+966500000005", Status: "COMPLETED"}, "accepted")
	items := []desk.Listed{{WorkflowID: "outbound:order-1", Status: "COMPLETED"}, {WorkflowID: "call:x", Status: "RINGING"}, {WorkflowID: "recording:x:1", Recording: "STORED"}}
	l.report(items)
	l.report(items)
	require.Equal(t, 4, strings.Count(out.String(), "\n"), out.String())
	for _, want := range []string{"dial", "8a6e0804-2bd0-4672-b79d-d97027f9071a", "order-1-a1", "notification", "accepted", "outcome", "outbound:order-1", "recording:x:1  STORED"} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "966500000005")
}

package temporalclient_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

const secret = "+966500000005"

func newRing(t *testing.T) *keys.Ring {
	t.Helper()
	r, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	return r
}

// at returns the ring's converter for a place.
func at(ring *keys.Ring, sc converter.SerializationContext) converter.DataConverter {
	return converter.WithDataConverterSerializationContext(temporalclient.NewDataConverter(ring, nil), sc)
}

func workflowOf(id string) converter.WorkflowSerializationContext {
	return converter.WorkflowSerializationContext{Namespace: "default", WorkflowID: id}
}

func activityOf(id, queue string) converter.ActivitySerializationContext {
	return converter.ActivitySerializationContext{Namespace: "default", WorkflowID: id, TaskQueue: queue, ActivityType: "A"}
}

func TestOurPayloadsAreEncryptedOthersAreNot(t *testing.T) {
	ring := newRing(t)
	for name, tc := range map[string]struct {
		place  converter.SerializationContext
		sealed bool
	}{
		"call":                       {workflowOf("call:c1"), true},
		"outbound call":              {workflowOf("outbound:r1"), true},
		"opening of a mask":          {workflowOf("mask-open:r1"), true},
		"masking session":            {workflowOf("mask:m1"), true},
		"recording":                  {workflowOf("recording:c1:0123456789ab"), true},
		"our activity":               {activityOf("outbound:r1", contract.TaskQueueDial), true},
		"business workflow":          {workflowOf("order-7"), false},
		"an id that begins likewise": {workflowOf("caller:1"), false},
		"activity of a business":     {activityOf("order-7", calls.TaskQueueCalls), false},
		"whoever asks on our queue":  {activityOf("call:not-ours", calls.TaskQueueCalls), false},
		"nexus":                      {converter.NexusSerializationContext{Endpoint: "aftercall"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dc := at(ring, tc.place)
			p, err := dc.ToPayload(secret)
			require.NoError(t, err)
			require.Equal(t, tc.sealed, temporalclient.Encrypted(p))
			require.Equal(t, tc.sealed, !strings.Contains(p.String(), "966500000005"))
			if tc.sealed {
				require.Equal(t, ring.IDs()[0], temporalclient.KeyID(p))
			}
			var read string
			require.NoError(t, dc.FromPayload(p, &read))
			require.Equal(t, secret, read)
			require.NoError(t, temporalclient.NewDataConverter(ring, nil).FromPayload(p, &read), "without a place, as the UI reads")
		})
	}
}

func TestClearPayloadsAreRead(t *testing.T) {
	p, err := converter.GetDefaultDataConverter().ToPayloads(secret, nil, []byte{1})
	require.NoError(t, err)
	var text string
	var none *string
	var raw []byte
	require.NoError(t, at(newRing(t), workflowOf("call:c1")).FromPayloads(p, &text, &none, &raw))
	require.Equal(t, secret, text)
	require.Nil(t, none)
	require.Equal(t, []byte{1}, raw)
}

func TestWithoutKeysNothingIsEncrypted(t *testing.T) {
	for _, ring := range []*keys.Ring{nil, {}} {
		p, err := at(ring, workflowOf("call:c1")).ToPayload(secret)
		require.NoError(t, err)
		require.False(t, temporalclient.Encrypted(p))
	}
}

func TestClosedGateDecryptsOnly(t *testing.T) {
	ring, gate := newRing(t), &temporalclient.Gate{}
	dc := converter.WithDataConverterSerializationContext(temporalclient.NewDataConverter(ring, gate), workflowOf("call:c1"))
	p, err := dc.ToPayload(secret)
	require.NoError(t, err)
	require.False(t, temporalclient.Encrypted(p))
	sealed, err := at(ring, workflowOf("call:c1")).ToPayload(secret)
	require.NoError(t, err)
	var read string
	require.NoError(t, dc.FromPayload(sealed, &read))
	require.Equal(t, secret, read)
}

// unreadable returns payloads of call:c1 that a ring cannot decrypt there.
func unreadable(t *testing.T, ring *keys.Ring) map[string]*commonpb.Payload {
	t.Helper()
	seal := func(r *keys.Ring, sc converter.SerializationContext) *commonpb.Payload {
		p, err := at(r, sc).ToPayload(secret)
		require.NoError(t, err)
		return p
	}
	changed := seal(ring, workflowOf("call:c1"))
	changed.Data[len(changed.Data)-1] ^= 1
	moved := seal(ring, workflowOf("call:c2"))
	moved.Metadata["workflow-id"] = []byte("call:c1")
	return map[string]*commonpb.Payload{
		"unknown key":       seal(newRing(t), workflowOf("call:c1")),
		"another workflow":  seal(ring, workflowOf("call:c2")),
		"another namespace": seal(ring, converter.WorkflowSerializationContext{Namespace: "other", WorkflowID: "call:c1"}),
		"changed":           changed,
		"moved":             moved,
	}
}

func TestUnreadableIsHandedOnAndFails(t *testing.T) {
	ring := newRing(t)
	for name, p := range unreadable(t, ring) {
		t.Run(name, func(t *testing.T) {
			codec := temporalclient.NewCodec(ring, nil).WithSerializationContext(workflowOf("call:c1"))
			out, err := codec.Decode([]*commonpb.Payload{p})
			require.NoError(t, err)
			require.True(t, proto.Equal(p, out[0]))
			var read string
			require.Error(t, at(ring, workflowOf("call:c1")).FromPayload(p, &read))
			require.Empty(t, read)
		})
	}
}

// TestUnreadableSignalFailsTheTask: an error would make the SDK drop the signal.
func TestUnreadableSignalFailsTheTask(t *testing.T) {
	ring := newRing(t)
	for name, p := range unreadable(t, ring) {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
			env.SetDataConverter(at(ring, workflowOf("call:c1")))
			env.RegisterDelayedCallback(func() { env.SignalWorkflow("s", converter.NewRawValue(p)) }, time.Second)
			received := false
			env.ExecuteWorkflow(func(ctx workflow.Context) error {
				var v string
				workflow.GetSignalChannel(ctx, "s").Receive(ctx, &v)
				received = true
				return nil
			})
			require.False(t, received)
			var panicked *temporal.PanicError
			require.ErrorAs(t, env.GetWorkflowError(), &panicked)
		})
	}
}

func failureAt(ring *keys.Ring, sc converter.SerializationContext) converter.FailureConverter {
	return converter.WithFailureConverterSerializationContext(temporalclient.NewFailureConverter(ring, nil), sc)
}

func TestFailuresFollowThePlace(t *testing.T) {
	ring := newRing(t)
	cause := errors.New("no route to " + secret)
	failed := temporal.NewApplicationErrorWithOptions("call to "+secret, "REFUSED", temporal.ApplicationErrorOptions{Cause: cause, Details: []any{secret}})
	ours := failureAt(ring, activityOf("outbound:r1", contract.TaskQueueDial))
	f := ours.ErrorToFailure(failed)
	raw, err := proto.Marshal(f)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "966500000005")
	require.Equal(t, "REFUSED", f.GetApplicationFailureInfo().GetType(), "workflows decide by types")

	var read *temporal.ApplicationError
	require.ErrorAs(t, ours.FailureToError(proto.Clone(f).(*failurepb.Failure)), &read)
	require.Equal(t, "call to "+secret, read.Message())
	require.ErrorContains(t, errors.Unwrap(read), cause.Error())
	var detail string
	require.NoError(t, read.Details(&detail))
	require.Equal(t, secret, detail)

	theirs := failureAt(ring, activityOf("order-7", calls.TaskQueueCalls)).ErrorToFailure(errors.New("no such call"))
	require.Equal(t, "no such call", theirs.GetMessage())
	require.Nil(t, theirs.GetEncodedAttributes())
}

// TestForeignFailuresAreMadeAnew: a failure in a workflow of ours is encrypted and may hold numbers.
func TestForeignFailuresAreMadeAnew(t *testing.T) {
	ring := newRing(t)
	ours := failureAt(ring, workflowOf("call:c1"))
	decoded := ours.FailureToError(ours.ErrorToFailure(temporal.NewApplicationError("call to "+secret, "X", secret)))
	for name, err := range map[string]error{
		"wrapped": fmt.Errorf("call %s is lost: %w", secret, decoded), "as it is": decoded,
		"in an error of the SDK": temporal.NewNonRetryableApplicationError("lost", "CALL_LOST", fmt.Errorf("x: %w", decoded)),
	} {
		t.Run(name, func(t *testing.T) {
			f := failureAt(ring, activityOf("order-7", calls.TaskQueueCalls)).ErrorToFailure(err)
			for ; f != nil; f = f.GetCause() {
				require.Nil(t, f.GetEncodedAttributes())
				require.NotContains(t, f.String(), "ncoded")
				require.NotContains(t, f.String(), "966500000005")
			}
		})
	}
}

// TestSummariesFit: Temporal accepts summaries of 400 bytes.
func TestSummariesFit(t *testing.T) {
	id := "call:0f5b7c1e-7f0c-4f6e-8b0a-1c9ebf6add62"
	p, err := at(newRing(t), workflowOf(id)).ToPayload(strings.Repeat("s", 150))
	require.NoError(t, err)
	require.LessOrEqual(t, proto.Size(p), 400)
}

func BenchmarkCodec(b *testing.B) {
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(b, err)
	dc := at(ring, workflowOf("call:c1"))
	event := map[string]any{"callId": "0f5b7c1e-7f0c-4f6e-8b0a-1c9ebf6add62", "from": "+966115219000", "to": secret, "text": strings.Repeat("x", 800)}
	sealed, err := dc.ToPayload(event)
	require.NoError(b, err)
	clear, err := converter.GetDefaultDataConverter().ToPayload(event)
	require.NoError(b, err)
	for name, run := range map[string]func() error{
		"encode":       func() error { _, err := dc.ToPayload(event); return err },
		"encode clear": func() error { _, err := converter.GetDefaultDataConverter().ToPayload(event); return err },
		"decode":       func() error { var v map[string]any; return dc.FromPayload(sealed, &v) },
		"decode clear": func() error { var v map[string]any; return converter.GetDefaultDataConverter().FromPayload(clear, &v) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, run())
			}
		})
	}
}

func TestCodecServerReadsItsNamespaceOnly(t *testing.T) {
	ring := newRing(t)
	codec := temporalclient.NewCodec(ring, nil).For("default")
	for namespace, clear := range map[string]bool{"default": true, "other": false} {
		p, err := at(ring, converter.WorkflowSerializationContext{Namespace: namespace, WorkflowID: "call:c1"}).ToPayload(secret)
		require.NoError(t, err)
		out, err := codec.Decode([]*commonpb.Payload{p})
		require.NoError(t, err)
		require.Equal(t, clear, strings.Contains(out[0].String(), secret))
	}
}
